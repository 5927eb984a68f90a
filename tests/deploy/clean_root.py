"""Builds and runs our images where there is no Docker: each instruction in a clean root that debootstrap makes.

As root: `python -m tests.deploy.clean_root`. Only the base images differ: for `debian:bookworm-slim` stands what
debootstrap makes, less what that image leaves out; for Node's, the same with this machine's Node.
"""

import contextlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from tests.deploy import compose, installation, story
from tests.deploy.__main__ import outside_of, redis_with_tls
from tests.deploy.dockerfile import IMAGES, Stage, stages

SUITE: Final = "bookworm"
#: What Docker's slim image has not: documentation, translations, packages that were only fetched.
NOT_IN_SLIM: Final = (
    "usr/share/doc", "usr/share/info", "usr/share/locale", "usr/share/man", "var/cache/apt", "var/lib/apt/lists",
)  # fmt: skip
_APT: Final = "path-exclude /usr/share/doc/*\npath-exclude /usr/share/man/*\npath-exclude /usr/share/locale/*\n"
_PATH: Final = {"oxyq": f"/opt/oxyq/bin:{installation.SYSTEM_PATH}", "oxyq-bridge": installation.SYSTEM_PATH}
#: As Docker's images of Debian have it: nothing that apt fetched or worked out stays.
_CLEAN: Final = """DPkg::Post-Invoke {"rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin || true";};
Dir::Cache::pkgcache ""; Dir::Cache::srcpkgcache "";
"""
_MEGABYTE: Final = 1_000_000


def main() -> int:
    """0 when both images were made, are as small as they should be, and did what an installation does."""
    with tempfile.TemporaryDirectory(prefix="oxyq-root-") as folder:
        work = Path(folder)
        checkout = installation.check_out(work / "checkout")
        base = _debian(work / "base")
        images = {name: _build(name, base, checkout, work) for name in IMAGES}
        for name, root in images.items():
            print(
                f"{name}: {_size(root) / _MEGABYTE:.0f} MB, {_size(base) / _MEGABYTE:.0f} of them the base", flush=True
            )
        _play(images, work)
    return 0


def _debian(root: Path) -> Path:
    subprocess.run(["debootstrap", "--variant=minbase", SUITE, str(root)], check=True, stdout=subprocess.DEVNULL)
    for name in NOT_IN_SLIM:
        shutil.rmtree(root / name, ignore_errors=True)
    (root / "etc/dpkg/dpkg.cfg.d/slim").write_text(_APT)
    (root / "etc/apt/apt.conf.d/docker-clean").write_text(_CLEAN)
    return root


def _build(name: str, base: Path, checkout: Path, work: Path) -> Path:
    made: dict[str, Path] = {}
    root = base
    for number, stage in enumerate(stages(IMAGES[name])):
        root = work / f"{name}-{number}"
        _copy(base, root)
        image, _, alias = stage.base.partition(" AS ")
        if image.startswith("node:"):
            _put_node(root)
        made[alias or str(number)] = root
        print(f"{name}: {stage.base}", flush=True)
        _follow(stage, root, made, checkout)
    return root


def _follow(stage: Stage, root: Path, made: Mapping[str, Path], checkout: Path) -> None:
    place, environment = "/", {"PATH": installation.SYSTEM_PATH}
    for one in stage.instructions:
        match one.word:
            case "WORKDIR":
                place = str(Path(place) / one.rest)
                (root / place.lstrip("/")).mkdir(parents=True, exist_ok=True)
            case "ARG":
                key, value = one.rest.split("=", 1)
                environment[key] = value
            case "ENV":
                for pair in shlex.split(one.rest):
                    key, value = pair.split("=", 1)
                    environment[key] = value.replace("$PATH", environment["PATH"])
            case "COPY":
                _put(shlex.split(one.rest), root, place, made, checkout)
            case "RUN":
                with _mounted(root):
                    _in_root(root, place, environment, one.rest)


def _put(words: list[str], root: Path, place: str, made: Mapping[str, Path], checkout: Path) -> None:
    source = checkout
    if words[0].startswith("--from="):
        source = made[words.pop(0).removeprefix("--from=")]
    *names, last = words
    target = root / str(Path(place) / last).lstrip("/")
    for name in names:
        found = source / name.lstrip("/")
        into = target / found.name if found.is_file() and (last.endswith("/") or last == "./") else target
        into.parent.mkdir(parents=True, exist_ok=True)
        _copy(found, into)


def _copy(source: Path, target: Path) -> None:
    kind = ["--no-target-directory"] if source.is_dir() else []
    subprocess.run(["cp", "--archive", *kind, str(source), str(target)], check=True)


def _put_node(root: Path) -> None:
    """This machine's Node and npm, with the libraries that Node wants."""
    node = Path(shutil.which("node") or "node")
    wants = subprocess.run(["ldd", str(node)], check=True, capture_output=True, text=True).stdout
    for word in [str(node), *wants.split()]:
        if word.startswith("/") and not (root / word.lstrip("/")).exists():
            (root / word.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(word, root / word.lstrip("/"))
    npm = Path(shutil.which("npm") or "npm").resolve().parents[1]
    _copy(npm, root / "usr/local/lib/npm")
    os.symlink("../lib/npm/bin/npm-cli.js", root / "usr/local/bin/npm")
    subprocess.run(["chroot", str(root), "useradd", "--uid", "1000", "--create-home", "node"], check=True)


@contextlib.contextmanager
def _mounted(root: Path) -> Iterator[None]:
    """What a running system has, the way to the package indexes, and who is believed on it."""
    for name in ("resolv.conf", "hosts"):
        shutil.copy(f"/etc/{name}", root / "etc" / name)
    shutil.copy("/etc/ssl/certs/ca-certificates.crt", root / "etc/authorities.crt")
    subprocess.run(["mount", "-t", "proc", "proc", str(root / "proc")], check=True)
    subprocess.run(["mount", "--bind", "/dev", str(root / "dev")], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(root / "dev"), str(root / "proc")], check=True)
        (root / "etc/authorities.crt").unlink()


def _in_root(root: Path, place: str, environment: Mapping[str, str], command: str) -> None:
    outside = {
        "PIP_CERT": "/etc/authorities.crt",
        "NODE_EXTRA_CA_CERTS": "/etc/authorities.crt",
        "DEBIAN_FRONTEND": "noninteractive",
    }
    done = subprocess.run(
        ["chroot", str(root), "/bin/sh", "-c", f"cd {place} && {command}"], env={**outside, **environment},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert done.returncode == 0, f"{command} ended with {done.returncode}: {done.stdout[-3000:]}"


def _size(root: Path) -> int:
    done = subprocess.run(
        ["du", "--summarize", "--bytes", "--one-file-system", str(root)], check=True, capture_output=True
    )
    return int(done.stdout.split()[0])


def _play(images: Mapping[str, Path], work: Path) -> None:
    """Compose's services in these roots: by their users, with nothing that can be written but /tmp and the volumes."""
    data = work / "data"
    data.mkdir()
    data.chmod(0o777)
    path = f"{_programs(images, work / 'programs')}:{installation.SYSTEM_PATH}"
    with redis_with_tls(data) as server, contextlib.ExitStack() as mounted:
        for root in images.values():
            _mount(mounted, ["--bind", str(root), str(root)])
            _mount(mounted, ["-t", "tmpfs", "-o", "mode=1777", "tmpfs", f"{root}/tmp"])
            Path(f"{root}{data}").mkdir(parents=True)
            _mount(mounted, ["--bind", str(data), f"{root}{data}"])
            subprocess.run(["mount", "-o", "remount,ro,bind", str(root)], check=True)
        outside = outside_of(server, data)
        story.play(compose.services(outside), outside, work / "checkout", path, lambda line: print(line, flush=True))


def _mount(mounted: contextlib.ExitStack, arguments: list[str]) -> None:
    subprocess.run(["mount", *arguments], check=True)
    mounted.callback(subprocess.run, ["umount", arguments[-1]], check=True)


def _programs(images: Mapping[str, Path], folder: Path) -> Path:
    """A folder whose programs are those of the images: each begins in its image's root, folder and user."""
    folder.mkdir()
    for program, image in {"oxyq": "oxyq", "python": "oxyq", "node": "oxyq-bridge"}.items():
        last = stages(IMAGES[image])[-1]
        [user], place = last.all("USER"), last.all("WORKDIR")[-1]
        begin = f"exec chroot --userspec={user}:{user} {images[image]} /usr/bin/env --chdir={place} PATH={_PATH[image]}"
        (folder / program).write_text(f'#!/bin/sh\n{begin} {program} "$@"\n')
        (folder / program).chmod(0o755)
    return folder


if __name__ == "__main__":
    began = time.monotonic()
    code = main()
    print(f"{time.monotonic() - began:.0f} s")
    sys.exit(code)
