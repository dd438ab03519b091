"""Processes share a view's photons; whichever way they end, it is one message, and nothing is left."""

import tempfile
import time

import numpy as np
import pytest

from ctsim.materials import mu_per_mm
from ctsim.montecarlo.arrivals import PRIMARY
from defects.messages import BadInput
from tests.ctsim.gate.setups import BOX, of, plate, seen, settings


def test_processes_share_the_photons_of_a_view(real):
    photons = 8000
    got = seen(of(plate(20.0)), settings(), photons=photons, processes=2)
    mean, deviation = got.mean[PRIMARY].item(), got.deviation[PRIMARY].item()
    assert got.photons == photons
    assert deviation == pytest.approx(np.sqrt(mean * (1 - mean) / photons), rel=0.01)
    assert mean == pytest.approx(np.exp(-mu_per_mm("Al", (80.0,))[0] * 20), abs=0.01 + 4 * deviation)


def test_geant4_ending_in_the_middle_is_one_message_with_its_words_and_nothing_is_left(copy, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    (next(copy.glob("G4EMLOW*")) / "brem_SB" / "br13").unlink()  # the door does not look at it
    with pytest.raises(BadInput, match=r"GATE ended before its photons.*\(exit code \d+\); its last words: .*br13"):
        seen(of(BOX), settings(), photons=100)
    assert list((tmp_path / "scratch").iterdir()) == []


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (
            "print('\\x1b[31mbad mesh\\x1b[0m', flush=True); os.abort()",
            r"\(exit code -6\); its last words: bad mesh; mend",
        ),
        ("os.kill(os.getpid(), 9)", r"\(exit code -9\); it was killed, which a lack of memory does; mend that"),
        ("sys.exit(3)", r"\(exit code 3\); mend that, or choose fidelity: monte-carlo"),
        ("pass", r"\(exit code 0\); mend that"),
    ],
)
def test_gate_dying_is_one_message_and_nothing_is_left(stand_in, started, program, message):
    scratch = stand_in(program)
    with pytest.raises(BadInput, match=message) as raised:
        seen(of(BOX), settings(), processes=2)
    assert isinstance(raised.value.__cause__, MemoryError) == ("killed" in message)
    assert list(scratch.iterdir()) == []
    assert all(process.returncode is not None for process in started)


def test_one_process_dying_ends_the_others_at_once(stand_in, started):
    stand_in("os.path.exists('../first') and time.sleep(60)\nopen('../first', 'x')")
    with pytest.raises(BadInput, match=r"\(exit code \d\)"):
        seen(of(BOX), settings(), processes=4, timeout_s=30.0)
    assert -9 in [process.returncode for process in started]


def test_a_run_that_takes_too_long_is_given_up_and_nothing_is_left(stand_in, started):
    scratch = stand_in("time.sleep(60)")
    with pytest.raises(BadInput, match=r"more than timeout_s: 0\.2 s for a view; raise it, or take fewer photons"):
        seen(of(BOX), settings(), processes=2, timeout_s=0.2)
    assert list(scratch.iterdir()) == []
    assert [process.returncode for process in started] == [-9, -9]


def test_a_user_who_stops_it_leaves_nothing_running(stand_in, started, monkeypatch):
    scratch = stand_in("time.sleep(60)")

    def stop(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", stop)
    with pytest.raises(KeyboardInterrupt):
        seen(of(BOX), settings(), processes=2)
    assert list(scratch.iterdir()) == []
    assert [process.returncode for process in started] == [-9, -9]
