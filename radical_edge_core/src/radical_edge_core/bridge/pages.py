"""What a browser or a machine sees without a token: the plain front page, health, and the API description."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Final

PLAIN_CSP: Final = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"
_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:3rem auto;padding:0 1rem}"
    "code,pre{background:#8882;padding:.15em .35em;border-radius:4px}pre{padding:1em;overflow:auto}"
    "td{padding:.2em 1em .2em 0;vertical-align:top}:root{color-scheme:light dark}"
)


def _page(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style><h1>{html.escape(title)}</h1>{body}</html>"
    )


def front_page(version: str) -> str:
    """Return the page at ``/`` while no portal is installed."""
    return _page(
        "Radical Edge bridge",
        f"<p>The bridge is running (version {html.escape(version)}). Its web portal is not installed here.</p>"
        "<p>To have it, install the portal into the bridge's environment and start the bridge again:</p>"
        "<pre>pip install radical-edge-portal</pre>"
        "<p>Installed from a source tree, it needs Node.js 20.19 or newer with npm, which builds its pages.</p>"
        "<p>Everything works without it, too:</p>"
        "<pre>radical-edge edges\nradical-edge plugins EDGE</pre>"
        '<p>The API is described at <a href="docs">docs</a> and <a href="openapi.json">openapi.json</a>.</p>',
    )


def docs_page(document: Mapping[str, object]) -> str:
    """Return the API description as a plain page."""
    rows = []
    paths = document.get("paths")
    for path, methods in paths.items() if isinstance(paths, Mapping) else ():
        for method, entry in methods.items():
            if isinstance(entry, Mapping):
                about = html.escape(str(entry.get("summary") or entry.get("description") or ""))
                rows.append(f"<tr><td><code>{method.upper()} {html.escape(path)}</code><td>{about}")
    return _page(
        "Radical Edge API",
        '<p>The document behind this page is <a href="openapi.json">openapi.json</a>; asked for with a token, it has '
        f"the operations of every plugin too.</p><table>{''.join(rows)}</table>",
    )
