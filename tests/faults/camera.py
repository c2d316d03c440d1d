"""A camera that is pulled, stands still, tears, goes dark, or lies about its frames."""

from collections.abc import Callable
from functools import partial

from station.line.states import State
from station.sources.faulty_camera import CameraFault, FaultyCamera
from station.sources.synthetic import Synthetic
from tests.faults.bench import Bench, open_bench
from tests.faults.outcome import Group, Outcome, Trial
from tests.faults.stage import prepare_ring

EVERY = 4
RATE_PER_S = 60.0
READY_OFF_S, BACK_WITHIN_S = 1.0, 3.0
"""On top of what is asked, for a machine that does other things at the same time."""
REASON_OF: dict[CameraFault, str] = {
    "frozen": "frozen_frame",
    "torn": "incomplete_frame",
    "incomplete": "incomplete_frame",
    "dark": "unhealthy_image",
    "wrong_size": "unhealthy_image",
    "repeated_id": "repeated_frame",
    "timestamp_jump": "timestamp_jump",
}


def faulty_frames(fault: CameraFault, trial: Trial) -> Outcome:
    """Every fourth frame of a camera has a fault; triggered, so that each is somebody's part."""
    source = FaultyCamera(of=_rings(), fault=fault, every=EVERY)
    with open_bench(trial.home, prepare_ring(), source, queue_size=4) as bench:
        for _ in range(trial.size * EVERY):
            bench.trigger().result(20)
        seen = bench.books().reasons()
        expected = REASON_OF[fault]
        bench.claim(seen[expected] >= trial.size, f"of {trial.size} {fault}: {dict(seen)}")
        return bench.outcome(injected=trial.size)


def stale_frames(trial: Trial) -> Outcome:
    """A buffer gives frames from before the trigger: they belong to other parts, and are passed
    over."""
    source = FaultyCamera(of=_rings(), fault="stale", every=2)
    with open_bench(trial.home, prepare_ring(), source) as bench:
        for _ in range(trial.size):
            answer = bench.trigger().result(20)
            bench.claim(answer.truth != "stale", "a part was judged by an older frame")
        return bench.outcome(injected=trial.size)


def frozen_while_running(trial: Trial) -> Outcome:
    """A camera freezes on a running line for a while, continuously."""
    return _commanded("frozen", trial, continuous=True)


def dark_while_running(trial: Trial) -> Outcome:
    """The lamp goes out on a running line for a while."""
    return _commanded("dark", trial, continuous=True)


def pulled(trial: Trial) -> Outcome:
    """The camera is pulled and comes back, again and again; triggers go on all the time."""
    command = trial.home / "camera.txt"
    source = FaultyCamera(of=_rings(), command=command)
    slowest_s = 0.0
    with open_bench(trial.home, prepare_ring(), source) as bench:
        for _ in range(trial.size):
            bench.trigger().result(20)
            command.write_text("pulled")
            gone = bench.trigger().result(20)
            bench.claim(not gone.passed, "a part passed while the camera was gone")
            off_s = bench.until(lambda: bench.line.state is State.ERROR, "ready is off")
            is_off = off_s <= READY_OFF_S * trial.slack
            bench.claim(is_off, f"ready went off after {off_s:.1f} s")
            refused = [bench.trigger(may_pass=False) for _ in range(3)]
            reasons = {promise.result(20).reason_code for promise in refused}
            bench.claim(reasons == {"no_frame"}, f"without a camera: {reasons}")
            command.unlink()
            back_s = bench.until(lambda: bench.line.state is State.READY, "the camera is back")
            back_s += bench.back_s(bench.trigger, 5)
            slowest_s = max(slowest_s, back_s)
        return bench.outcome(injected=trial.size, back_s=slowest_s)


def silent(trial: Trial) -> Outcome:
    """The camera is there and gives nothing: each trigger is answered no_frame in its time."""
    command = trial.home / "camera.txt"
    source = FaultyCamera(of=_rings(), command=command)
    with open_bench(trial.home, prepare_ring(), source, grab_timeout_ms=200) as bench:
        bench.trigger().result(20)
        command.write_text("silent")
        for _ in range(trial.size):
            reason = bench.trigger(may_pass=False).result(20).reason_code
            bench.claim(reason == "no_frame", f"without a frame: {reason}")
        command.unlink()
        back_s = bench.back_s(bench.trigger, 5)
        return bench.outcome(injected=trial.size, back_s=back_s)


def _commanded(fault: CameraFault, trial: Trial, *, continuous: bool) -> Outcome:
    command = trial.home / "camera.txt"
    source = FaultyCamera(of=_rings(), command=command)
    mode = "continuous" if continuous else "software"
    with open_bench(
        trial.home, prepare_ring(), source, autostart=continuous, trigger_mode=mode, waits=False
    ) as bench:
        _await(bench, "ok", 3)
        command.write_text(fault)
        _await(bench, REASON_OF[fault], trial.size)
        command.unlink()
        before = bench.line.counters.look().ok
        back_s = bench.until(lambda: bench.line.counters.look().ok > before, "parts pass again")
        bench.line.stop()
        bench.until(lambda: bench.line.counters.look().in_progress == 0, "all is answered")
        injected = sum(r.truth == fault for r in bench.books().results)
        return bench.outcome(injected=injected or trial.size, back_s=back_s)


def _await(bench: Bench, reason: str, count: int) -> None:
    """So many more answers of one kind."""

    def seen() -> int:
        counts = bench.line.counters.look()
        return counts.ok if reason == "ok" else counts.by_reason.get(reason, 0)

    wanted = seen() + count
    bench.until(lambda: seen() >= wanted, f"{count} more {reason}", 20)


def _rings() -> Synthetic:
    return Synthetic(
        product="ring", rate_per_s=RATE_PER_S, defect_rate=0.25, seed=7, prerendered=12
    )


def _frames(fault: CameraFault, claim: str, small: int = 5, defect: str = "") -> Group:
    run: Callable[[Trial], Outcome] = partial(faulty_frames, fault)
    name = f"camera_{fault}"
    return Group(name=name, claim=claim, run=run, small=small, full=300, defect=defect)


GROUPS = (
    Group(
        name="camera_pulled",
        claim="without a camera no part passes, ready is off, and it is back in time",
        run=pulled,
        small=2,
        full=100,
        back_within_s=BACK_WITHIN_S,
    ),
    Group(
        name="camera_silent",
        claim="a camera that gives nothing costs each part its verdict, not the line its clock",
        run=silent,
        small=4,
        full=100,
    ),
    _frames("frozen", "the same bytes again are not a new part"),
    Group(
        name="camera_frozen_running",
        claim="a camera that freezes on a running line passes nothing until it moves",
        run=frozen_while_running,
        small=10,
        full=1000,
    ),
    _frames("torn", "two frames in one are no picture of a part"),
    _frames("incomplete", "a frame that lost lines is no picture of a part"),
    _frames("dark", "what cannot be seen is not good"),
    Group(
        name="camera_dark_running",
        claim="with the lamp out nothing passes",
        run=dark_while_running,
        small=10,
        full=1000,
    ),
    _frames("wrong_size", "a picture of another size than taught proves nothing"),
    _frames("repeated_id", "a frame the camera gave before is not a new part's"),
    _frames("timestamp_jump", "a frame out of another time is not this part's"),
    Group(
        name="camera_stale",
        claim="a frame acquired before the trigger is no frame of this part",
        run=stale_frames,
        small=10,
        full=300,
    ),
)
