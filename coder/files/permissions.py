"""Permissions: what a user has allowed a study on this machine.

Kept in the user's own configuration, never in the study folder: whoever hands that on would hand on
the permission.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import platformdirs
from pydantic import ValidationError

from coder.errors import StorageError
from coder.files.atomic_write import write_atomically
from coder.records import Permission, content_hash

VARIABLE = "CODER_CONFIG_DIR"
"""Names another folder for the user's configuration; read from the environment alone."""


def config_dir() -> Path:
    """The folder of the user's own configuration; it need not exist."""
    return Path(os.environ.get(VARIABLE) or platformdirs.user_config_path("issue-coder"))


def permitted(study: Path, subject: str) -> Permission | None:
    """What was noted when ``subject`` was allowed to the study in this folder; ``None`` if it never
    was, or somewhere else."""
    wanted = _wanted(study, subject)
    with contextlib.suppress(OSError, ValidationError):
        found = Permission.model_validate_json(_file(wanted).read_bytes())
        # Only its content counts: a file may have been renamed by hand.
        if (found.study, found.subject) == (wanted.study, wanted.subject):
            return found
    return None


def permit(study: Path, subject: str) -> Permission:
    """Note that ``subject`` is allowed to the study in this folder, until the note is deleted.

    Raises ``StorageError`` where that cannot be written.
    """
    given = _wanted(study, subject)
    try:
        write_atomically(_file(given), given.model_dump_json(indent=2) + "\n")
    except StorageError as error:
        raise StorageError(error.message, f"or set {VARIABLE} to a folder for such notes") from None
    return given


def _wanted(study: Path, subject: str) -> Permission:
    return Permission(study=str(study.resolve()), subject=subject)


def _file(permission: Permission) -> Path:
    name = content_hash("permission.v1", [permission.study, permission.subject])
    return config_dir() / "permissions" / f"{name[:32]}.json"
