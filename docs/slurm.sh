#!/bin/bash
#SBATCH --job-name=ctsim
#SBATCH --array=1-100
#SBATCH --cpus-per-task=16
#SBATCH --mem=32G
#SBATCH --time=24:00:00
#SBATCH --requeue
# A dataset by an array of jobs, each of which makes every hundredth shard:
#
#     sbatch docs/slurm.sh brackets.yaml /shared/brackets
#
# The folder is one that all nodes see, or s3://bucket/folder. The job that is the last to end finds the shards of all
# others and finishes the dataset (dataset.json, README.md, croissant.json); until then it has a folder `progress`.
# Jobs that were killed, or ran out of time, are submitted again in the same way, in an array 1-N of any N: what stands is
# kept, and what is missing is made. (Some of them alone, --array=7,23, would be taken for slices of two: they have no
# place in the whole.) If the folder `progress` is still there when all have ended, this command makes what is missing,
# which may be nothing, and finishes: ctsim generate brackets.yaml --out /shared/brackets
set -euo pipefail
if [ $# != 2 ]; then
    echo "usage: sbatch docs/slurm.sh DATASET OUT" >&2
    exit 2
fi
exec ctsim generate "$1" --out "$2" --slice "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT" \
    --workers "${SLURM_CPUS_PER_TASK:-1}"
