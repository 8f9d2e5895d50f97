"""How the bridge serves the pages, and what their size is; no browser is needed."""

from __future__ import annotations

import gzip
import re
import subprocess
import sys
from pathlib import Path

import pytest
from kit import web
from kit.stand import Stand

radical_edge_portal = pytest.importorskip("radical_edge_portal")
STATIC: Path = radical_edge_portal.static_dir()
KIB = 1000


def ask(url: str, path: str, **headers: str) -> web.Answer:
    with web.exchange(
        url, "GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()}
    ) as response:
        return web.whole(response)


def test_pages_come_with_a_strict_policy(stand: Stand) -> None:
    """The front page and every address below /ui/ are the portal, with no script but its own; the rest is 404."""
    url = stand.bridge().url
    for path in ("/", "/ui/e/any/thing"):
        answer = ask(url, path, Accept="text/html")
        assert answer.status == 200
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "require-trusted-types-for 'script'" in policy
        assert "unsafe" not in policy
        assert answer.headers["cache-control"] == "no-cache"
        assert b'<base href="/" />' in answer.body
    assert ask(url, "/ui/app.js", Accept="*/*").status == 404
    assert ask(url, "/assets/none.js").status == 404
    assert ask(url, "/assets/..%2findex.html").status in {404, 422}


def test_assets_last_and_are_packed(stand: Stand) -> None:
    """Files with a hash in their name are kept for ever, the others asked for again; text is packed."""
    url = stand.bridge().url
    script = next((STATIC / "assets").glob("index-*.js"))
    answer = ask(url, f"/assets/{script.name}", Accept_Encoding="gzip")
    assert "immutable" in answer.headers["cache-control"]
    assert gzip.decompress(answer.body) == script.read_bytes()
    theme = ask(url, "/assets/theme.js")
    assert theme.headers["cache-control"] == "no-cache"
    assert ask(url, "/assets/theme.js", If_None_Match=theme.headers["etag"]).status == 304


def test_behind_a_proxy_the_pages_know_their_prefix(stand: Stand) -> None:
    """A prefix that the proxy tells is in the base address; markup in it is not."""
    url = stand.bridge().url
    assert b'<base href="/hub/edge/" />' in ask(url, "/", X_Forwarded_Prefix="/hub/edge").body
    assert b'<base href="/" />' in ask(url, "/", X_Forwarded_Prefix='/"><script>').body


def test_without_built_pages_the_bridge_keeps_its_own(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """It is a warning that says what to do, and no failure."""
    from radical_edge_core.hooks.bridge import BridgeContext
    from radical_edge_portal import hooks

    monkeypatch.setattr(radical_edge_portal, "files", lambda _name: tmp_path)
    assert hooks.bridge_routes(BridgeContext(url="", state_dir=tmp_path)) is None
    assert "install Node.js >= 20.19" in caplog.text


def first_load() -> list[Path]:
    """The scripts that the page names, and what they import at once."""
    index = (STATIC / "index.html").read_text(encoding="utf-8")
    waiting = re.findall(r'(?:src|href)="\./(assets/[^"]+\.js)"', index)
    found: list[str] = []
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.append(name)
            text = (STATIC / name).read_text(encoding="utf-8")
            waiting += [f"assets/{each}" for each in re.findall(r'(?:from|import)\s*"\./([^"]+\.js)"', text)]
    return [STATIC / name for name in found]


def test_the_pages_are_small() -> None:
    """The first load is at most 130 kB of JavaScript, everything at most 260 kB."""
    packed = sum(len(gzip.compress(path.read_bytes(), 9)) for path in first_load())
    whole = sum(len(gzip.compress(path.read_bytes(), 9)) for path in (STATIC / "assets").glob("*.js"))
    print(f"first load {packed / KIB:.1f} kB, everything {whole / KIB:.1f} kB")
    assert packed <= 130 * KIB
    assert whole <= 260 * KIB


def test_nothing_built_makes_code_from_text() -> None:
    """No built script evaluates text."""
    for path in (STATIC / "assets").glob("*.js"):
        assert not re.search(r"\bnew Function\(|\beval\(", path.read_text(encoding="utf-8")), path.name


def test_built_pages_are_those_of_the_source() -> None:
    """What is served was built from the sources as they are."""
    portal = Path(__file__).parents[2] / "portal"
    code = "import hatch_build, pathlib; print(hatch_build.fingerprint(pathlib.Path('.')))"
    done = subprocess.run(
        (sys.executable, "-c", code), cwd=portal, capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip("hatchling is not here")
    assert (STATIC / "build-id.txt").read_text(encoding="ascii").strip() == done.stdout.strip()
