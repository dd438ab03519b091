"""A line of voxels read off a column of pixels, many voxels at a time, without a gather.

Neighbouring voxels of an upright line are seen less than two pixels apart, so that a vector's worth of them lies within
two vectors of pixels. These are loaded and blended as a whole, and each voxel picks its two out of the registers.

The code is plain LLVM: a pick is one instruction for all lanes with AVX2, and right but slow where there is no such
instruction. AVX-512 picks from two registers at once if asked by name (1.2 times as fast).
"""

from llvmlite import ir
from numba.core import cgutils, codegen, config, types
from numba.extending import intrinsic

FEATURES = codegen.get_host_cpu_features() if config.CPU_FEATURES is None else config.CPU_FEATURES
"""What numba compiles for, which may be set to less than this processor has."""

LANES = 16 if "+avx512f" in FEATURES.split(",") else 8
"""Floats in a vector register."""

REACH = 2 * LANES
"""Pixels that one call may read."""

FASTEST = 2.0
"""Most pixels from one voxel of a line to the next."""

FLOATS = ir.VectorType(ir.FloatType(), LANES)
WHOLES = ir.VectorType(ir.IntType(32), LANES)
FUSED = ("contract",)


@intrinsic
def add_seen(context, line, at, weights, z, pixels, left_at, right_at, left, right, start, step):
    """Add to voxels of a line what they see in two blended columns, straight between their pixels.

    $$ line[at + k] += weights[z + k] ((1 - f) c_i + f c_{i+1}), \\quad i + f = start + k \\, step, \\quad
       c_i = left \\, pixels[left\\_at + i] + right \\, pixels[right\\_at + i] $$

    for k < `LANES`. Every start + k step must lie within 0 .. `REACH` - 1, and nothing is checked.

    Args:
        context: Given by the compiler.
        line: float32, with room for `LANES` voxels from `at` on.
        at: Index of the first voxel.
        weights: float32, with room for `LANES` numbers from `z` on.
        z: Index of its weight.
        pixels: float32, one behind the other.
        left_at: Index of the left column's first pixel.
        right_at: Index of the right column's first pixel.
        left: Weight of the left column.
        right: Weight of the right column.
        start: The pixel that the first voxel sees.
        step: From there to the pixel that the next voxel sees.
    """
    number, index = types.float32, types.intp
    given = (line, index, weights, index, pixels, index, index, number, number, number, number)
    return types.void(*given), _emit


def _emit(context, builder, signature, arguments):
    line, at, weights, z, pixels, left_at, right_at, left, right, start, step = arguments
    target, share_of, source = (
        context.make_array(signature.args[i])(context, builder, array).data
        for i, array in ((0, line), (2, weights), (4, pixels))
    )
    numbers = ir.Constant(FLOATS, [float(k) for k in range(LANES)])
    place = _fused(builder, _everywhere(builder, step), numbers, _everywhere(builder, start))
    whole = builder.fptosi(place, WHOLES)
    share = builder.fsub(place, builder.sitofp(whole, FLOATS))
    blends = []
    for far in (0, LANES):
        here = [builder.add(pixel, ir.Constant(pixel.type, far)) for pixel in (left_at, right_at)]
        columns = [_load(builder, _vector_at(builder, source, pixel)) for pixel in here]
        other = builder.fmul(columns[1], _everywhere(builder, right), flags=FUSED)
        blends.append(_fused(builder, columns[0], _everywhere(builder, left), other))
    near = _picked(builder, blends, whole)
    beyond = _picked(builder, blends, builder.add(whole, ir.Constant(WHOLES, [1] * LANES)))
    seen = _fused(builder, share, builder.fsub(beyond, near), near)
    voxels, weight = _vector_at(builder, target, at), _load(builder, _vector_at(builder, share_of, z))
    builder.store(_fused(builder, weight, seen, _load(builder, voxels)), voxels, align=4)
    return context.get_dummy_value()


def _everywhere(builder, number):
    first = builder.insert_element(ir.Constant(FLOATS, ir.Undefined), number, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, ir.Constant(FLOATS, ir.Undefined), ir.Constant(WHOLES, [0] * LANES))


def _fused(builder, a, b, c):
    """Return a b + c."""
    return builder.fadd(builder.fmul(a, b, flags=FUSED), c, flags=FUSED)


def _vector_at(builder, pointer, index):
    return builder.bitcast(builder.gep(pointer, [index]), FLOATS.as_pointer())


def _load(builder, place):
    return builder.load(place, align=4)


def _picked(builder, halves, index):
    """Return, lane by lane, the number at an index into two vectors, one behind the other."""
    if LANES == 16:
        kind = ir.FunctionType(FLOATS, [FLOATS, WHOLES, FLOATS])
        pick = cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.avx512.vpermi2var.ps.512")
        return builder.call(pick, [halves[0], index, halves[1]])
    within = builder.and_(index, ir.Constant(WHOLES, [LANES - 1] * LANES))
    low, high = (_permuted(builder, half, within) for half in halves)
    return builder.select(builder.icmp_signed("<", index, ir.Constant(WHOLES, [LANES] * LANES)), low, high)


def _permuted(builder, vector, index):
    """Return vector[index], lane by lane, as a compiler knows it for one instruction."""
    result = ir.Constant(FLOATS, ir.Undefined)
    for lane in range(LANES):
        place = ir.Constant(ir.IntType(32), lane)
        number = builder.extract_element(vector, builder.extract_element(index, place))
        result = builder.insert_element(result, number, place)
    return result
