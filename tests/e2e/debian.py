"""Programs of Debian packages: installed ones, else unpacked, so that a fresh machine needs no set-up."""

import atexit
import functools
import pathlib
import shutil
import subprocess
import tempfile


def program(package, name):
    """The path of a package's program."""
    return shutil.which(name) or str(unpacked(package) / "usr/bin" / name)


@functools.cache
def unpacked(package):
    """The folder into which a package was unpacked; it goes with the test run."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix=f"{package}-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    download = ["apt-get", "download", package]
    # A fresh machine may not have the lists of packages yet.
    if subprocess.run(download, cwd=directory, capture_output=True).returncode:
        subprocess.run(["apt-get", "update"], check=True, capture_output=True)
        subprocess.run(download, cwd=directory, check=True, capture_output=True)
    [file] = directory.glob("*.deb")
    subprocess.run(["dpkg-deb", "-x", str(file), str(directory)], check=True)
    return directory
