"""libhark as a program finds it: installed into an empty folder, found by pkg-config.

The build that is under test is installed; where that is one with sanitizers, programs are built with
them as well."""

import functools
import os
import shutil
import subprocess
import tempfile

from harness import ROOT

FLAVOUR = os.path.basename(os.environ.get("HARK_BUILD", "build")).partition("-")[2] or "release"
SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"] if FLAVOUR == "asan" else []


def environment(**more):
    """Without what a `make` around us says to ours."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    return {**env, **more}


def run(*command, **env):
    done = subprocess.run(command, cwd=ROOT, env=environment(**env), capture_output=True, text=True)
    assert done.returncode == 0, f"{command}:\n{done.stdout}{done.stderr}"
    return done.stdout


@functools.cache
def prefix():
    """Where it is installed; once for all tests."""
    folder = tempfile.mkdtemp(prefix="hark-installed-")
    import atexit
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    run("make", "-s", "install", f"MODE={FLAVOUR}", f"PREFIX={folder}")
    return folder


def pkg_config(*words):
    path = os.path.join(prefix(), "lib", "pkgconfig")
    return run("pkg-config", *words, "libhark", PKG_CONFIG_PATH=path).split()


@functools.cache
def examples():
    """The folder with the examples, built by their own Makefile."""
    folder = os.path.join(prefix(), "examples")
    os.makedirs(folder)
    run("make", "-s", "-C", "examples", f"OUT={folder}",
        "CFLAGS=" + " ".join(["-O1", "-g", "-Wall", "-Wextra", *SANITIZE]),
        PKG_CONFIG_PATH=os.path.join(prefix(), "lib", "pkgconfig"),
        LDFLAGS="")
    return folder


def program_environment():
    return environment(LD_LIBRARY_PATH=os.path.join(prefix(), "lib"))
