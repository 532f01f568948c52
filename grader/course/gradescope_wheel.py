"""The kit as a wheel with the content of one assignment only, made without any build tool.

What is installed is what is packed: pure Python, so that a wheel is a zip of the package, its metadata and a list of
digests (https://packaging.python.org/en/latest/specifications/binary-distribution-format/). Content goes where a wheel
of the whole kit has it, outside of what a submission may read.
"""

from __future__ import annotations

import base64
import io
import tomllib
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from grader.errors import GraderFault, Text

_NAME = "practice-llm"
_EXTRA = "course"
_PACKAGE = Path(__file__).parents[1]
_WHEN = (2020, 1, 1, 0, 0, 0)  # the same content makes the same bytes
_WHEEL = "Wheel-Version: 1.0\nGenerator: practice\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


@dataclass(frozen=True, slots=True)
class Project:
    """What a wheel says of the kit. Of its extras, only the one for courses."""

    version: str
    requires_python: str
    requires: tuple[str, ...]

    @property
    def torch(self) -> str:
        """The versions of torch that the kit takes, as pip reads it."""
        return next(line for line in self.requires if line.startswith("torch"))


def project() -> Project:
    """From the checkout where there is one, else from the installation. GraderFault where there is neither."""
    file = _PACKAGE.parent / "pyproject.toml"
    if file.is_file():
        table = tomllib.loads(file.read_text(encoding="utf-8"))["project"]
        extra = [f'{line}; extra == "{_EXTRA}"' for line in table["optional-dependencies"][_EXTRA]]
        return Project(table["version"], table["requires-python"], (*table["dependencies"], *extra))
    try:
        installed = distribution(_NAME)
    except PackageNotFoundError:
        raise GraderFault(
            Text(f"{_NAME} is not installed: its version is not known", f"没有安装 {_NAME}：版本未知"),
            Text("install it with pip", "请用 pip 安装"),
        ) from None
    lines = [
        line for line in installed.requires or () if "extra ==" not in line or f"'{_EXTRA}'" in line.replace('"', "'")
    ]
    return Project(installed.version, str(installed.metadata["Requires-Python"]), tuple(lines))


def wheel(of: Project, content: Mapping[str, bytes]) -> tuple[str, bytes]:
    """The file's name and its bytes. `content`: files below a content root."""
    stem = f"{_NAME.replace('-', '_')}-{of.version}"
    files = dict(_package())
    files |= {f"{stem}.data/data/share/practice/{path}": data for path, data in content.items()}
    info = f"{stem}.dist-info"
    files[f"{info}/METADATA"] = _metadata(of).encode()
    files[f"{info}/WHEEL"] = _WHEEL.encode()
    files[f"{info}/entry_points.txt"] = (
        b"[console_scripts]\npractice = grader.cli:main\n\n[pytest11]\npractice = grader.exam.plugin\n"
    )
    record = [f"{path},sha256={_digest(data)},{len(data)}" for path, data in files.items()]
    files[f"{info}/RECORD"] = "".join(f"{line}\n" for line in [*record, f"{info}/RECORD,,"]).encode()
    return f"{stem}-py3-none-any.whl", packed(files)


def packed(files: Mapping[str, bytes], executable: Sequence[str] = ()) -> bytes:
    """A zip of these files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in files.items():
            entry = zipfile.ZipInfo(path, _WHEN)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o100755 if path in executable else 0o100644) << 16
            archive.writestr(entry, data)
    return out.getvalue()


def _package() -> Iterator[tuple[str, bytes]]:
    for path in sorted(_PACKAGE.rglob("*")):
        inside = path.relative_to(_PACKAGE.parent)
        if path.is_file() and not any(part.startswith((".", "__pycache__")) for part in inside.parts):
            yield inside.as_posix(), path.read_bytes()


def _metadata(of: Project) -> str:
    lines = ["Metadata-Version: 2.1", f"Name: {_NAME}", f"Version: {of.version}"]
    lines += [f"Requires-Python: {of.requires_python}", f"Provides-Extra: {_EXTRA}"]
    return "\n".join([*lines, *(f"Requires-Dist: {line}" for line in of.requires)]) + "\n"


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(sha256(data).digest()).rstrip(b"=").decode()
