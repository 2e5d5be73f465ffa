"""What is left when a call of the system fails, or the program is killed before it: docs/files.md."""
import collections
import concurrent.futures
import os
import random
import resource
import shutil
import signal
import subprocess
import time

import pytest

from conftest import OCTAVO, SCENARIOS, TIMEOUT, Stage, octavo, snapshot

ERRORS = {"open": ("EIO", "EMFILE"), "tmpfile": ("EIO", "EOPNOTSUPP"), "read": ("EIO", "EINTR", "short"), "write": ("ENOSPC", "EIO", "EDQUOT", "EINTR", "short"), "mmap": ("ENOMEM",), "rename": ("EIO", "ENOSPC"),
          "exchange": ("EIO", "EINVAL"), "link": ("EIO", "ENOSPC", "EPERM"), "unlink": ("EIO",), "mkdir": ("ENOSPC",), "fsync": ("EIO",), "ftruncate": ("EIO",), "close": ("EIO", "EINTR"),
          "fstat": ("EIO",), "fchmod": ("EPERM",), "flock": ("EINTR", "ENOSYS"), "readlink": ("EIO",), "lease": ("EINVAL",)}
# Systems that lack something.
SYSTEMS = {"as_it_is": "", "no_nameless_files": "tmpfile:EOPNOTSUPP", "no_exchange": "exchange:EINVAL", "no_hard_links": "tmpfile:EOPNOTSUPP,link:EPERM,exchange:EINVAL", "no_locks": "flock:ENOSYS", "no_leases": "lease:EINVAL"}
WRITES_MODELS = [s for s in SCENARIOS if s.words[0] in ("export", "convert")]
counts = collections.Counter()


def check(stage, run, unlinks=False, memory=False):
    """The exit code, one message, and the old files or the new ones, and nothing else."""
    done = run.returncode == stage.scenario.code
    assert done or run.returncode in (3, 4), (run.returncode, run.stderr)
    assert run.stderr.count("octavo: ") == (0 if done else 1), run.stderr
    found, wanted = snapshot(stage.out), stage.after if done else stage.before
    # What cannot be removed stays, and old data of which nobody can tell whose they are.
    if unlinks or (done and stage.scenario.name == "inline_over_external"):
        found = {path: content for path, content in found.items() if not os.path.basename(path).startswith(".octavo-") and (path in wanted or not path.endswith(".data"))}
    # Memory may run out when the files are there and the report is printed; a layer that verify has no memory for is not saved.
    if not (memory and (found == stage.after or "could not be compared alone" in run.stdout)):
        assert found == wanted, (run.stderr, sorted(found), sorted(wanted))
    if not unlinks:
        assert not list(stage.tmp.iterdir())


def fail_in_turn(stage, kind, error, most, always=""):
    for number in range(1, most + 1):
        stage.reset()
        run = stage.run(f"{kind}:{number}:{error}", always)
        if not stage.hit.exists():
            break
        counts[kind, error] += 1
        try:
            check(stage, run, unlinks=kind == "unlink")
        except AssertionError as failure:
            raise AssertionError(f"{stage.scenario} {kind}:{number}:{error} {always}: {failure}") from None


@pytest.fixture(params=SCENARIOS, ids=str)
def stage(request, models, tmp_path, library):
    return Stage(request.param, models, tmp_path, library)


def test_some_calls_fail(stage):
    for kind, error in (("open", "EIO"), ("read", "short"), ("write", "ENOSPC"), ("write", "short"), ("exchange", "EIO"), ("rename", "EIO"), ("link", "EIO"), ("mkdir", "ENOSPC"), ("close", "EIO")):
        fail_in_turn(stage, kind, error, 3)


def fail_allocations(stage, times):
    """Some of the calls of malloc, before main() as well as behind the last line of the report."""
    def hits(number):
        stage.reset()
        run = stage.run(f"malloc:{number}:ENOMEM")
        if stage.hit.exists():
            counts["malloc", run.returncode] += 1
            try:
                check(stage, run, memory=True)
            except AssertionError as failure:
                raise AssertionError(f"{stage.scenario} malloc:{number}: {failure}") from None
        return stage.hit.exists()
    total = 1
    while hits(total):
        total *= 2
    draw = random.Random(stage.scenario.name)
    for _ in range(times):
        hits(draw.randrange(1, 100) if draw.random() < 0.2 else draw.randrange(1, total))


def test_some_allocations_fail(stage):
    fail_allocations(stage, 12)


@pytest.mark.long
def test_many_allocations_fail(stage):
    fail_allocations(stage, 500)
    print(dict(counts))


@pytest.mark.long
@pytest.mark.parametrize("system", SYSTEMS)
def test_every_call_fails(stage, system):
    for kind, errors in ERRORS.items():
        for error in errors:
            if f"{kind}:" not in SYSTEMS[system]:
                fail_in_turn(stage, kind, error, 200, SYSTEMS[system])
    print(sum(counts.values()), dict(counts))


@pytest.mark.parametrize("system", SYSTEMS)
def test_systems_that_lack_something(models, tmp_path, library, system):
    for scenario in SCENARIOS if system != "as_it_is" else []:
        folder = tmp_path / scenario.name
        folder.mkdir()
        stage = Stage(scenario, models, folder, library)
        stage.reset()
        check(stage, stage.run(always=SYSTEMS[system]))


KILLED = [s for s in WRITES_MODELS if s.name in ("external_over_external", "external_over_inline", "inline_over_external", "external")]


@pytest.mark.parametrize("scenario", KILLED, ids=str)
def test_killed_before_each_call(scenario, models, tmp_path, library):
    """A model of that name is the old one or the new one, whole; the next export removes what is left."""
    stage = Stage(scenario, models, tmp_path, library)
    before, after = stage.model(stage.origin), stage.model()
    for kind in ("link", "exchange", "rename", "unlink", "write", "flock"):
        for number in range(1, 30):
            stage.reset()
            run = stage.run(f"{kind}:{number}:kill")
            if not stage.hit.exists():
                break
            assert run.returncode == -signal.SIGKILL
            assert stage.model() in (before, after), (kind, number)
            left = set(snapshot(stage.out)) - {"y.onnx", "y.onnx.data"}
            assert all(name.startswith(".octavo-") for name in left), left
            again = stage.run()
            assert again.returncode == 0, again.stderr
            found = snapshot(stage.out)
            if scenario.name == "inline_over_external":  # the old data, if it was killed before it removed them: nothing tells whose they are
                found.pop("y.onnx.data", None)
            assert found == stage.after, (kind, number, sorted(found))


def kill_at_random(stage, times, seed):
    """Counts what was found after kills at random moments."""
    before, after = stage.model(stage.origin), stage.model()
    start = time.monotonic()
    stage.reset()
    stage.run()
    whole = time.monotonic() - start
    draw, found = random.Random(seed), collections.Counter()
    for _ in range(times):
        stage.reset()
        process = subprocess.Popen(stage.scenario.command(stage.models, stage.out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(draw.random() * whole * 1.2)
        process.kill()
        process.wait()
        model = stage.model()
        assert model in (before, after)
        found["old" if model == before else "new"] += 1
        left = set(snapshot(stage.out)) - {"y.onnx", "y.onnx.data"}
        if left:  # killed between two of the steps: the next export removes it
            assert all(name.startswith(".octavo-") for name in left), left
            found["left"] += 1
            assert stage.run().returncode == 0
            assert snapshot(stage.out) == stage.after
    return found


def test_killed_at_random(models, tmp_path, library):
    stage = Stage(next(s for s in SCENARIOS if s.name == "external_over_external"), models, tmp_path, library)
    kill_at_random(stage, 15, 1)


@pytest.mark.long
def test_killed_at_random_often(models, tmp_path, library):
    stage = Stage(next(s for s in SCENARIOS if s.name == "external_over_external"), models, tmp_path, library)
    found = kill_at_random(stage, 300, 2)
    print(dict(found))
    assert found["old"] > 20 and found["new"] > 20
    assert found["left"] < 30


def race(models, out, rounds):
    """Two exports to one name at once: the model is one of the two, with its data."""
    wanted = {}
    for name in ("new", "old"):
        for data in ("always", "never"):
            octavo("export", models / f"{name}.pt", "-o", out / "y.onnx", "--external-data", data)
            wanted[name, data] = {p.name: p.read_bytes() for p in out.iterdir()}
    choices = list(wanted)
    for i in range(rounds):
        pair = [choices[i % 4], choices[(i // 4 + i) % 4]]
        with concurrent.futures.ThreadPoolExecutor() as pool:
            list(pool.map(lambda of: octavo("export", models / f"{of[0]}.pt", "-o", out / "y.onnx", "--external-data", of[1]), pair))
        found = {p.name: p.read_bytes() for p in out.iterdir()}
        assert found in [wanted[of] for of in pair], (pair, sorted(found))


def test_two_exports_at_once(models, tmp_path):
    race(models, tmp_path, 8)


@pytest.mark.long
def test_two_exports_at_once_often(models, tmp_path):
    race(models, tmp_path, 200)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 640 KiB, on which one model has room and two have not."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=640k", "none", folder], stderr=subprocess.DEVNULL).returncode != 0:
        pytest.skip("only root may mount a small disk")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk(models, small_disk):
    for data in ("never", "always"):
        octavo("export", models / "old.pt", "-o", small_disk / "y.onnx", "--external-data", data)
        before = snapshot(small_disk)
        for again in ("never", "always"):
            run = octavo("export", models / "new.pt", "-o", small_disk / "y.onnx", "--external-data", again, code=4)
            assert "the disk is full" in run.stderr
            assert snapshot(small_disk) == before
        for path in small_disk.iterdir():
            path.unlink()


def test_limits_of_file_sizes(models, tmp_path):
    """`ulimit -f`: the program is not ended by SIGXFSZ."""
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100 << 10, 100 << 10))
    for scenario in SCENARIOS:
        out = tmp_path / scenario.name
        out.mkdir()
        scenario.prepare(models, out)
        before = snapshot(out)
        run = subprocess.run(scenario.command(models, out), capture_output=True, text=True, preexec_fn=limit, timeout=TIMEOUT)
        if run.returncode == scenario.code:
            continue  # it writes less
        assert run.returncode == 4 and "exceeds the size limit" in run.stderr, (scenario, run.returncode, run.stderr)
        assert snapshot(out) == before
    with open(tmp_path / "report", "w") as file:
        run = subprocess.run([OCTAVO, "ops"], stdout=file, stderr=subprocess.PIPE, text=True, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 10, 1 << 10)))
    assert run.returncode == 4
    assert run.stderr == "octavo: cannot write to standard output: File too large\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has another user")
def test_a_folder_that_is_read_only(models, tmp_path):
    other = shutil.which("setpriv")
    if other is None:
        pytest.skip("no setpriv")
    tmp_path.chmod(0o755)
    for parent in list(tmp_path.parents)[:3] + list(models.parents)[:3] + [models]:
        if str(parent).startswith("/tmp/pytest"):
            parent.chmod(0o755)
    for scenario in SCENARIOS:
        if "{o}" not in " ".join(scenario.words):
            continue
        out = tmp_path / scenario.name
        out.mkdir()
        scenario.prepare(models, out)
        before = snapshot(out)
        run = subprocess.run([other, "--reuid=65534", "--clear-groups", *scenario.command(models, out)], capture_output=True, text=True, timeout=TIMEOUT)
        assert run.returncode == 4 and run.stderr.count("octavo: ") == 1, (scenario, run.returncode, run.stderr)
        assert snapshot(out) == before


@pytest.mark.parametrize("number", (signal.SIGINT, signal.SIGTERM))
def test_signals_leave_nothing(stage, number):
    """Ctrl-C ends every command within 100 ms, whatever it is doing; here at a moment when it writes."""
    start = time.monotonic()
    stage.reset()
    stage.run()
    whole = time.monotonic() - start
    for share in (0.3, 0.6, 0.9):
        stage.reset()
        process = subprocess.Popen(stage.scenario.command(stage.models, stage.out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "TMPDIR": str(stage.tmp)})
        time.sleep(share * whole)
        process.send_signal(number)
        assert process.wait(timeout=TIMEOUT) in (-number, stage.scenario.code)
        done = snapshot(stage.out)
        assert done in (stage.before, stage.after), sorted(done)
        assert not list(stage.tmp.iterdir())
