"""./run in a copy of the checkout, with a Python that only records what it is asked to do: no network, no packages."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="run is a bash script")

ROOT = Path(__file__).resolve().parents[1]
TOOLS = ("bash", "env", "awk", "cat", "cksum", "cp", "mkdir", "mv", "rm", "sleep", "touch")

# Probes that take the lock run for real; those that look at the Python itself are answered.
RECORDING_PYTHON = f"""#!/usr/bin/env bash
case $*:$2 in
    "-c "*realpath*) echo "$0" ;;
    "-c "*base_prefix*) ;;
    "-c "*) exec "{sys.executable}" "$@" ;;
    -V:*) echo Python 3.99 ;;
    "-m venv "*)
        mkdir -p "$4/bin" "$4/lib/python3.99/site-packages"
        cp "$0" "$4/bin/python"
        echo "version = 3.99" >"$4/pyvenv.cfg" ;;
    "-m pip --version:"*) ;;
    "-m pip "*)
        echo pip prints
        echo "$@" >>"$RECORD"
        [ -z "${{SLOW-}}" ] || sleep 0.3
        [ -z "${{BROKEN-}}" ] || exit 1 ;;
    *) printf '<%s>' "$@" ;;
esac
"""


class Checkout:
    """A copy of the files that ./run reads, with a PATH on which nothing else is found."""

    def __init__(self, folder: Path):
        self.root = folder / "check out"  # the space is meant
        self.bin = folder / "bin"
        self.record = folder / "record"
        self.root.mkdir()
        self.bin.mkdir()
        for name in ("run", "pyproject.toml", "requirements.lock"):
            shutil.copy(ROOT / name, self.root / name)
        for tool in TOOLS:
            (self.bin / tool).symlink_to(shutil.which(tool))
        self.add_python("python3", RECORDING_PYTHON)

    def add_python(self, name: str, source: str) -> None:
        (self.bin / name).write_text(source)
        (self.bin / name).chmod(0o755)

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        environment = {"PATH": str(self.bin), "RECORD": str(self.record), "HOME": str(self.root.parent), **variables}
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
        return subprocess.Popen([self.root / "run", *arguments], env=environment, cwd="/", text=True, **streams)

    def call(self, *arguments: str, **variables: str) -> tuple[int, str, str]:
        """Exit code, standard output, standard error."""
        with self.start(*arguments, **variables) as process:
            out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def installs(self) -> int:
        """How often the project itself has been installed, which is the last thing a set-up does."""
        return self.record.read_text().count("--no-build-isolation -e") if self.record.exists() else 0


@pytest.fixture
def checkout(tmp_path):
    return Checkout(tmp_path)


def test_run_is_executable():
    assert os.stat(ROOT / "run").st_mode & stat.S_IXUSR


def test_no_argument_means_a_quick_run_and_set_up_leaves_standard_output_clean(checkout):
    code, out, err = checkout.call()
    assert (code, out) == (0, "<-P><-m><verify><run><--level><quick>")
    assert "setting up .venv" in err
    assert "pip prints" in err


def test_arguments_arrive_unchanged(checkout):
    assert checkout.call("solve", "a b", "", "--set", "x=*")[1] == "<-P><-m><verify><solve><a b><><--set><x=*>"


def test_set_up_installs_the_lock_with_hashes_and_then_the_project_alone(checkout):
    checkout.call()
    pip, lock, project = checkout.record.read_text().splitlines()
    assert "--require-hashes" in pip
    assert f"--require-hashes -r {checkout.root}/requirements.lock" in lock
    assert f"--no-deps --no-build-isolation -e {checkout.root}" in project
    requirement = (checkout.root / ".venv/pip.txt").read_text()
    assert requirement.startswith("pip==")
    assert requirement.count("==") == 1
    assert "--hash=sha256:" in requirement


def test_set_up_is_done_once(checkout):
    checkout.call()
    assert checkout.call("list") == (0, "<-P><-m><verify><list>", "")
    assert checkout.installs() == 1


@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml", ".venv/pyvenv.cfg"])
def test_set_up_is_redone_when_what_it_depends_on_changes(checkout, name):
    checkout.call()
    with (checkout.root / name).open("a") as file:
        file.write("# changed\n")
    assert checkout.call()[0] == 0
    assert checkout.installs() == 2


def test_set_up_is_redone_when_another_tool_has_installed_something(checkout):
    checkout.call()
    stamp = (checkout.root / ".venv/.set-up").stat().st_mtime
    os.utime(checkout.root / ".venv/lib/python3.99/site-packages", (stamp + 5, stamp + 5))
    checkout.call()
    assert checkout.installs() == 2


def test_failed_set_up_says_so_and_the_next_call_starts_afresh(checkout):
    code, out, err = checkout.call(BROKEN="yes", PIP_INDEX_URL="file:///nowhere")
    assert (code, out) == (1, "")
    assert "set-up stopped" in err.splitlines()[-1]
    assert "removing a .venv that is unfinished" in checkout.call()[2]
    assert checkout.call("list") == (0, "<-P><-m><verify><list>", "")


def test_checkout_that_has_moved_is_set_up_afresh(checkout):
    checkout.call()
    checkout.root = checkout.root.rename(checkout.root.with_name("elsewhere"))
    assert "from another place" in checkout.call()[2]


def test_environment_made_by_someone_else_is_kept_and_completed(checkout):
    subprocess.run(
        [checkout.bin / "python3", "-m", "venv", "--without-pip", checkout.root / ".venv"],
        env={"PATH": str(checkout.bin)},
        check=True,
    )
    (checkout.root / ".venv/bin/theirs").touch()
    assert "removing" not in checkout.call()[2]
    assert (checkout.root / ".venv/bin/theirs").exists()
    assert checkout.installs() == 1


def test_calls_at_the_same_time_set_up_once(checkout):
    processes = [checkout.start(str(number), SLOW="yes") for number in range(3)]
    answers = [process.communicate(timeout=60)[0] for process in processes]
    assert answers == [f"<-P><-m><verify><{number}>" for number in range(3)]
    assert checkout.installs() == 1


def test_stand_ins_that_fail_are_passed_over(checkout):
    checkout.add_python("python3.13", "#!/usr/bin/env bash\necho 'command not found' >&2\nexit 127\n")
    code, _, err = checkout.call()
    assert code == 0
    assert "command not found" not in err


@pytest.mark.parametrize("named", [{}, {"ROBUST_LIMITS_PYTHON": "python2"}])
def test_without_a_suitable_python_there_is_one_clear_line(checkout, named):
    checkout.add_python("python3", "#!/usr/bin/env bash\nexit 0\n")  # runs, but is too old to answer the probe
    code, out, err = checkout.call(**named)
    assert (code, out) == (1, "")
    assert len(err.splitlines()) == 1
    assert "Python" in err
    assert not (checkout.root / ".venv").exists()


@pytest.mark.parametrize(
    ("arguments", "selection", "rest"),
    [
        ([], "not standard and not deep", ""),
        (["--level", "standard"], "not deep", ""),
        (["--level=deep"], "", ""),
        (["-k", "a b", "--level", "quick", "-x"], "not standard and not deep", "<-k><a b><-x>"),
    ],
)
def test_levels_of_the_tests_select_by_marker(checkout, arguments, selection, rest):
    assert checkout.call("test", *arguments)[1] == f"<-m><pytest><-m><{selection}>{rest}"


@pytest.mark.parametrize("arguments", [["--level", "medium"], ["--level"], ["--level="]])
def test_unknown_test_level_is_wrong_use(checkout, arguments):
    code, out, err = checkout.call("test", *arguments)
    assert (code, out) == (2, "")
    assert "allowed are quick, standard, deep" in err
    assert not (checkout.root / ".venv").exists()
