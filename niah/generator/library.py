"""Haystacks on disk, shipped, imported or by path: ``<name>/haystack.toml`` and its transcripts."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

import platformdirs

from niah.errors import HaystackError, TranscriptError, UnknownName
from niah.generator.haystack import Corpus, Haystack, TokenizedText, cached_block, corpus_of
from niah.generator.sound import Recordings, check_imported, checked_recording, recording_of
from niah.generator.synthetic import Synthetic
from niah.generator.templated import filler
from niah.generator.tokenizers import Tokenizer
from niah.generator.transcripts import SUFFIXES, read_transcript, transcript_of
from niah.records import Segment, Transcript
from niah.text.wording import LANGUAGES, language_of_all

MANIFEST = "haystack.toml"
SYNTHETIC = "synthetic"
FILLERS = ("needles", "noise", "pairs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One entry of a manifest."""

    file: str
    language: str
    sha256: str
    title: str = ""
    recording: str = ""  # the file in which it is said; empty: none
    recording_sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What haystack.toml says."""

    folder: Path
    language: str
    licence: str
    source: str
    episodes: tuple[Episode, ...]

    @property
    def name(self) -> str:
        return self.folder.name


def imported_root() -> Path:
    """Where ``niah haystack add`` puts haystacks by default."""
    return Path(platformdirs.user_data_dir("niah")) / "haystacks"


def shared_root(kind: str) -> Path:
    """``haystacks``, ``configs`` or ``results``: in an installed wheel, else in the clone."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "shipped" / kind
    return installed if installed.is_dir() else package.parent / kind


def haystack_folders() -> dict[str, Path]:
    """Every haystack by name. None hides another: names are checked when one is imported."""
    found: dict[str, Path] = {}
    for root in (imported_root(), shared_root("haystacks")):
        if root.is_dir():
            folders = sorted(p for p in root.iterdir() if (p / MANIFEST).is_file())
            found |= {p.name: p for p in folders if p.name[0] != "."}  # such are half-written
    return found


def read_manifest(name: str) -> Manifest:
    """The manifest of a haystack by name or folder. Raises HaystackError or UnknownName."""
    folder = Path(name)
    if not (folder / MANIFEST).is_file():
        folders = haystack_folders()
        if name not in folders and folder.is_dir():
            raise HaystackError(
                f"{name}: a folder, but no haystack;"
                f" import its transcripts with: niah haystack add {name} --name NAME"
            )
        if name not in folders:
            raise UnknownName("haystack", name, folders)
        folder = folders[name]
    path = folder / MANIFEST
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        language = table["language"]
        if language not in (*LANGUAGES, "mixed"):
            raise KeyError(f"language {language!r} is none of {', '.join(LANGUAGES)}, mixed")
        episodes = tuple(Episode(**entry) for entry in table["episodes"])
        if not all(isinstance(text, str) for e in episodes for text in astuple(e)):
            raise TypeError("what an episode has is text")
        return Manifest(
            folder=folder.resolve(),
            language=language,
            licence=table["licence"],
            source=table["source"],
            episodes=episodes,
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise HaystackError(
            f"{path}: not a usable manifest ({error}); import the transcripts again"
        ) from error


def language_of_haystack(names: str | Sequence[str]) -> str:
    """The language of needles in a haystack, by the first of its names; English if it is mixed."""
    first = names.split(",")[0].strip() if isinstance(names, str) else names[0]
    language = first.partition(":")[2] if _is_made(first) else read_manifest(first).language
    return "en" if language == "mixed" else language


def languages_in(name: str) -> set[str]:
    """The languages of a haystack's episodes; of a made one its own."""
    if _is_made(name):
        return {name.partition(":")[2]}
    return {episode.language for episode in read_manifest(name).episodes}


def _is_made(name: str) -> bool:
    """Whether there is no folder behind a name, but a language: synthetic:en."""
    kind, colon, _ = name.partition(":")
    return bool(colon) and kind in (SYNTHETIC, *FILLERS)


def read_episodes(manifest: Manifest) -> list[Transcript]:
    """Parse every episode. Raises HaystackError for a file that is missing, or was changed."""
    return [read_transcript(path) for path in _checked_files(manifest)]


def load_haystack(names: Sequence[str], tokenizer: Tokenizer, *, keep: bool = True) -> Haystack:
    """A haystack by name or folder, several joined, or a made one; counted in a tokenizer.

    ``keep`` is whether synthetic speech is worth a place in the cache: not where every trial has a
    stretch of its own.
    """
    if twice := [n for i, n in enumerate(names) if n in names[:i]]:
        raise HaystackError(
            f"haystack {twice[0]!r} is named twice; a haystack goes round by itself"
        )
    made = next(filter(_is_made, names), None)
    if made and len(names) > 1:
        raise HaystackError(
            f"{made} is made as it is needed and cannot be joined with others; name it alone"
        )
    if made:
        kind, _, language = made.partition(":")
        if kind in FILLERS:
            return filler(kind, language, tokenizer)
        return Synthetic(language, tokenizer, keep=keep)
    manifests = [read_manifest(name) for name in names]
    blocks = [_block(m, tokenizer) for m in manifests]
    language = language_of_all([m.language for m in manifests])
    files = [e.file for m in manifests for e in m.episodes]
    return Corpus("+".join(m.name for m in manifests), language, blocks, files, tokenizer.name)


def haystack_of_files(paths: Sequence[Path], name: str, tokenizer: Tokenizer) -> Corpus:
    """A haystack of transcripts where they lie; nothing is copied. Raises TranscriptError."""
    return _corpus(name, [read_transcript(file) for file in _files(paths)], tokenizer)


def haystack_of_texts(texts: Mapping[str, str], name: str, tokenizer: Tokenizer) -> Corpus:
    """A haystack of transcripts by title, read like files. Raises TranscriptError."""
    episodes = [transcript_of(text, Path(title)) for title, text in texts.items()]
    return _corpus(name, episodes, tokenizer)


def recordings_of(names: Sequence[str], haystack: Haystack) -> Recordings | None:
    """The recordings of a haystack of these names; None where it has none."""
    if not isinstance(haystack, Corpus) or any(map(_is_made, names)):
        return None
    episodes = [(m.folder / e.recording, e) for m in map(read_manifest, names) for e in m.episodes]
    files = [(path, e.recording_sha256) if e.recording else None for path, e in episodes]
    return Recordings(episodes=haystack.episodes, files=files) if any(files) else None


def _corpus(name: str, episodes: Sequence[Transcript], tokenizer: Tokenizer) -> Corpus:
    return corpus_of(name, language_of_all([e.language for e in episodes]), episodes, tokenizer)


def _block(manifest: Manifest, tokenizer: Tokenizer) -> TokenizedText:
    """All episodes of a manifest; parsed only where the cache does not hold them."""
    files = _checked_files(manifest)

    def read() -> Iterable[Sequence[Segment]]:
        return (read_transcript(file).segments for file in files)

    parts = [[e.sha256, Path(e.file).suffix] for e in manifest.episodes]
    return cached_block("transcripts", parts, read, tokenizer)


def _checked_files(manifest: Manifest) -> list[Path]:
    """The files of a manifest, each known to be the one that was imported."""
    if not manifest.episodes:
        raise HaystackError(
            f"haystack {manifest.name!r} is empty; add transcripts with niah haystack add"
        )
    paths = [manifest.folder / e.file for e in manifest.episodes]
    for path, episode in zip(paths, manifest.episodes, strict=True):
        for needed in (path, manifest.folder / (episode.recording or episode.file)):
            if not needed.is_file():
                raise HaystackError(f"{needed}: missing; import haystack {manifest.name!r} again")
        check_imported(path, episode.sha256)
    return paths


def add_haystack(
    paths: Sequence[Path],
    name: str,
    into: Path,
    *,
    licence: str,
    source: str,
    replace: bool = False,
) -> Manifest:
    """Copy transcripts into a new haystack, or with ``replace`` in the place of an imported one.

    Nothing is written unless every file parses. Raises HaystackError or TranscriptError.
    """
    plain = name.isprintable() and name == name.strip() and name == Path(name).name
    if not plain or re.match(r"\.|$|.*[,:]", name):
        raise HaystackError(f"{name!r} is no name for a haystack; use letters, digits and dashes")
    folder = into / name
    _check_free(folder, replace)
    files = list(_files(paths))
    _check_names(files)
    transcripts = [read_transcript(f) for f in files]
    recordings = list(map(checked_recording, files, transcripts))
    _check_names(sorted({r for r in recordings if r is not None}))
    language = language_of_all([t.language for t in transcripts])
    head = _rows({"language": language, "licence": licence, "source": source})
    episodes = map(_entry, files, transcripts, recordings)
    _write_folder(folder, [*files, *filter(None, recordings)], head + "".join(episodes))
    return read_manifest(str(folder))


def _check_names(files: Sequence[Path]) -> None:
    """Raises HaystackError for a name that cannot be written, and for two that are the same."""
    names = [file.name for file in files]
    for name in sorted(names):
        if name.encode(errors="replace").decode() != name:
            raise HaystackError(f"the name of {name!r} is not UTF-8; rename the file")
        if names.count(name) > 1:
            raise HaystackError(
                f"two files are called {name!r}; rename one, a haystack is one folder"
            )


def _check_free(folder: Path, replace: bool) -> None:
    """Raises HaystackError where a haystack of that name may not be written."""
    name = folder.name
    if (shared_root("haystacks") / name).is_dir():
        raise HaystackError(
            f"there is a haystack {name!r} already, which came with niah; choose another --name"
        )
    if not replace and (folder.exists() or name in haystack_folders()):
        raise HaystackError(
            f"there is a haystack {name!r} already; choose another --name,"
            f" write it anew with --replace, or take it away with: niah haystack remove {name}"
        )
    if folder.exists():
        removable_haystack(str(folder))


def removable_haystack(name: str) -> Manifest:
    """The manifest of an imported haystack, by name or folder.

    Raises HaystackError for one that is not to be removed: it came with niah, or its folder holds
    more than was imported.
    """
    manifest = read_manifest(name)
    if manifest.folder.parent == shared_root("haystacks").resolve():
        raise HaystackError(
            f"haystack {manifest.name!r} came with niah and stays;"
            " only imported ones can be removed"
        )
    own = {MANIFEST, "", *(name for e in manifest.episodes for name in (e.file, e.recording))}
    strange = sorted(p.name for p in manifest.folder.iterdir() if p.name not in own)
    if strange:
        raise HaystackError(
            f"{manifest.folder} also holds {strange[0]!r}, which is not of the haystack;"
            " move it elsewhere first"
        )
    return manifest


def remove_haystack(manifest: Manifest) -> None:
    """Remove the copies of an imported haystack; what they were copied from stays."""
    try:
        shutil.rmtree(manifest.folder)
    except OSError as error:
        raise HaystackError(f"cannot remove {manifest.folder} ({error.strerror})") from error


def passed_over(paths: Iterable[Path]) -> list[Path]:
    """Files in the folders among some paths that an import leaves out, by how their names end."""
    inside = [p for path in paths if path.is_dir() for p in path.rglob("*") if p.is_file()]
    transcripts = {p for p in inside if p.suffix.lower() in SUFFIXES}
    taken = transcripts | {recording_of(transcript) for transcript in transcripts}
    return sorted(p for p in inside if p not in taken)


def _files(paths: Iterable[Path]) -> Iterable[Path]:
    """The files of the paths, folders taken apart in sorted order."""
    for path in paths:
        if path.is_dir():
            files = (p for p in path.rglob("*") if p.is_file())
            inside = sorted(p for p in files if p.suffix.lower() in SUFFIXES)
            if not inside:
                known = ", ".join(sorted(SUFFIXES))
                raise TranscriptError(f"{path}: no transcript in this folder (looked for {known})")
            yield from inside
        elif path.exists():
            yield path
        else:
            raise TranscriptError(f"{path}: no such file or folder")


def _entry(file: Path, transcript: Transcript, recording: Path | None) -> str:
    fields = {"file": file.name, "language": transcript.language, "sha256": _sha256(file)}
    if recording is not None:
        fields |= {"recording": recording.name, "recording_sha256": _sha256(recording)}
    return "\n[[episodes]]\n" + _rows(fields)


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _rows(fields: Mapping[str, str]) -> str:
    """Keys with TOML's basic strings, of whose escapes JSON's are a part."""
    quoted = {key: json.dumps(text, ensure_ascii=False) for key, text in fields.items()}
    return "".join(f"{key} = {text}\n" for key, text in quoted.items())


def _write_folder(folder: Path, files: Iterable[Path], manifest: str) -> None:
    """Fill a temporary folder, then rename it: nothing half-written is seen, and nothing lost."""
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}")
    old = folder.with_name(f"{temporary.name}.old")
    try:
        temporary.mkdir(parents=True)
        for file in files:
            shutil.copyfile(file, temporary / file.name)
        (temporary / MANIFEST).write_text(manifest, encoding="utf-8")
        if folder.exists():
            folder.rename(old)
        temporary.rename(folder)
    except OSError as error:
        raise HaystackError(
            f"cannot write {folder} ({error.strerror}); choose a writable folder with --into"
        ) from error
    finally:  # behind an interrupt as well
        shutil.rmtree(temporary, ignore_errors=True)
        if old.exists() and not folder.exists():
            old.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
