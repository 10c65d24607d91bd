#!/usr/bin/env python3
"""footprint.py BUILD: how long the programs take to start, and how large they are.

From exec to the line that says that it is ready, medians of several starts beside a backend that is up; the programs
with and without what is for debuggers alone; the Debian package, made by cpack in the build folder; the libraries that
it needs beyond those of the smallest Debian; and what the images of deploy/Dockerfile hold beyond theirs, as the package
manager says. Nothing is started in Docker.
"""
import argparse
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import tempfile
import time

from harness import Process, fail

PROGRAMS = ["smartbatch-proxy", "smartbatch-classifier", "loadgen"]
ROOT = pathlib.Path(__file__).resolve().parents[2]
MEGABYTE = 1e6


def start_milliseconds(command):
    """From before exec until the program has said that it is ready."""
    begin = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as child:
        said = []
        for line in child.stdout:
            said.append(line)
            if re.search(r"ready listen=", line):
                took = time.monotonic() - begin
                child.terminate()
                child.stdout.read()
                return took * 1000
    return fail(f"{command[0]} ended before it was ready: {''.join(said)}")


def starts(binaries, backend, count):
    """Milliseconds of each start, by what is started."""
    ports = ["--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"]
    proxy = [f"{binaries}/smartbatch-proxy", *ports, "--admin-listen", "127.0.0.1:0", "--backend"]
    commands = {"smartbatch-proxy": [*proxy, backend],
                "smartbatch-proxy, Open Inference Protocol": [*proxy, f"oip://{backend}/null"],
                "smartbatch-classifier": [f"{binaries}/smartbatch-classifier", *ports]}
    found = {name: [] for name in commands}
    for _ in range(count):
        for name, command in commands.items():
            found[name].append(start_milliseconds(command))
    return found


def sizes(binaries):
    """Megabytes of each program as it was built, and as it ships."""
    with tempfile.TemporaryDirectory() as folder:
        for name in PROGRAMS:
            stripped = pathlib.Path(folder) / name
            subprocess.run(["strip", "-o", stripped, binaries / name], check=True)
            yield name, (binaries / name).stat().st_size / MEGABYTE, stripped.stat().st_size / MEGABYTE


def package(build):
    """Megabytes of the package, of what it installs, and the names of the packages that it needs."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["cpack", "-G", "DEB", "--config", build / "CPackConfig.cmake", "-B", folder], cwd=build,
                       check=True, capture_output=True)
        made = next(pathlib.Path(folder).glob("*.deb"))
        fields = subprocess.run(["dpkg-deb", "--field", made, "Installed-Size", "Depends"], capture_output=True,
                                text=True, check=True).stdout
        needed = re.search(r"^Depends: (.*)$", fields, re.M)[1]
        return (made.stat().st_size / MEGABYTE, int(re.search(r"^Installed-Size: (\d+)$", fields, re.M)[1]) * 1024 /
                MEGABYTE, re.findall(r"(?:^|, )([a-z0-9.+-]+)", needed))


def is_installed(package):
    return subprocess.run(["dpkg-query", "-W", package], capture_output=True, check=False).returncode == 0


def closure(packages):
    """The names of the packages and of all that they need, of those that are installed here."""
    reached = subprocess.run(["apt-cache", "depends", "--recurse", "--installed", "--no-recommends", "--no-suggests",
                              "--no-conflicts", "--no-breaks", "--no-replaces", "--no-enhances", *packages],
                             capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"^([a-z0-9][a-z0-9.+-]*)$", reached, re.M))


def installed_megabytes(packages):
    """What these packages and all that they need take beyond the smallest Debian: its required packages, apt, and theirs."""
    fields = "${Package} ${Priority} ${Installed-Size} ${db:Status-Status}\n"
    rows = [line.split() for line in subprocess.run(["dpkg-query", "-W", "-f", fields], capture_output=True, text=True,
                                                    check=True).stdout.splitlines()]
    kilobytes = {row[0]: int(row[2]) for row in rows if len(row) == 4 and row[3] == "installed"}
    smallest = closure([row[0] for row in rows if len(row) == 4 and row[1] == "required"])
    return sum(kilobytes.get(name, 0) for name in closure(packages) - smallest) * 1024 / MEGABYTE


def image_packages():
    """The packages that each image of deploy/Dockerfile installs."""
    text = (ROOT / "deploy/Dockerfile").read_text()
    stages = dict(re.findall(r"^FROM \S+ AS (\S+)\n(.*?)(?=^FROM |\Z)", text, re.M | re.S))
    listed = {name: re.search(r"--no-install-recommends\s+(?:\\\s+)?(.*?)\s*\\\n", stages[name], re.S)[1].split()
              for name in ("server", "loadgen")}
    traces = re.search(r"^TRACES_LIBRARIES=\((.*)\)", (ROOT / "scripts/lib/packages.sh").read_text(), re.M)[1].split()
    return {"server": listed["server"] + traces, "loadgen": listed["server"] + traces + listed["loadgen"]}


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", metavar="BUILD", type=pathlib.Path, help="folder of the build, such as build/release")
    parser.add_argument("--starts", type=int, default=11, help="how often each is started (default 11)")
    parser.add_argument("--no-package", action="store_true", help="make no Debian package, and leave out the images")
    return parser.parse_args()


def main():
    options = parse()
    binaries = options.build.resolve() / "bin"
    with Process([f"{binaries}/benchmark-null-server", "--listen", "127.0.0.1:0"], os.sched_getaffinity(0),
                 r"listen=(\S+)") as backend:
        found = starts(binaries, backend.address, options.starts)
    print("| start of | median, ms | smallest | largest |\n|---|--:|--:|--:|")
    for name, times in found.items():
        print(f"| {name} | {statistics.median(times):.0f} | {min(times):.0f} | {max(times):.0f} |")
    print("\n| program | with line tables, MB | as it ships, MB |\n|---|--:|--:|")
    programs = 0.0
    for name, built, shipped in sizes(binaries):
        print(f"| {name} | {built:.1f} | {shipped:.1f} |")
        programs += shipped
    if options.no_package:
        return
    if not shutil.which("cpack") or not shutil.which("dpkg-shlibdeps"):
        fail("the package needs cpack and dpkg-shlibdeps: apt-get install cmake dpkg-dev, or --no-package")
    compressed, installed, needed = package(options.build.resolve())
    print(f"\nThe Debian package has {compressed:.1f} MB and installs {installed:.1f} MB; the libraries that it needs "
          f"beyond the smallest Debian take {installed_megabytes(needed):.0f} MB.")
    print("\n| image | its packages, MB | its programs, MB | beyond debian:bookworm-slim, MB |\n|---|--:|--:|--:|")
    for name, packages in image_packages().items():
        missing = [package for package in packages if not is_installed(package)]
        if missing:
            fail(f"the size of {' '.join(missing)} is known only if it is installed: bash scripts/lib/packages.sh traces plot")
        libraries = installed_megabytes(packages)
        print(f"| {name} | {libraries:.0f} | {programs:.0f} | {libraries + programs:.0f} |")


if __name__ == "__main__":
    main()
