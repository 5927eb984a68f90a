"""Secrets of this installation: from the environment, or in development made once and kept in the data folder."""

import contextlib
import os
import secrets
import stat
from pathlib import Path

from pydantic import SecretStr

from oxyq.errors import ConfigurationError
from oxyq.settings import MIN_SECRET_BYTES, Settings


def own_secret(settings: Settings, given: SecretStr | None, variable: str, file_name: str) -> str:
    """The secret that `variable` holds as `given`; raises ConfigurationError when production lacks it.

    In development without it, it is made once and kept in the data folder, for this user's eyes only, so that what one
    process signs or seals another can check and open.
    """
    if given is not None:
        return given.get_secret_value()
    if settings.is_production:
        raise ConfigurationError(f"{variable}: is missing, and production needs it; openssl rand -hex 32 makes one")
    path = settings.data_dir / file_name
    try:
        return _stored(path, variable)
    except FileNotFoundError:
        return _new(path, variable)


def _new(path: Path, variable: str) -> str:
    # Linked under its name only when complete: of two processes that start together, one wins and both read its key.
    draft = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(MIN_SECRET_BYTES))
        try:
            with contextlib.suppress(FileExistsError):
                os.link(draft, path)
        finally:
            draft.unlink()
    except OSError as error:
        raise _unusable(path, variable, error.strerror) from None
    return _stored(path, variable)


def _stored(path: Path, variable: str) -> str:
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW)) as file:
            allowed = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            secret = file.read().strip()
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise _unusable(path, variable, str(error)) from None
    if allowed & 0o077:
        raise _unusable(path, variable, "others may read it; chmod 600, or delete it and a new one is made")
    if len(secret.encode()) < MIN_SECRET_BYTES:
        raise _unusable(path, variable, f"it has fewer than {MIN_SECRET_BYTES} bytes; delete it and a new one is made")
    return secret


def _unusable(path: Path, variable: str, why: str | None) -> ConfigurationError:
    return ConfigurationError(f"{variable}: is not set, and its stand-in {path} cannot be used: {why}")
