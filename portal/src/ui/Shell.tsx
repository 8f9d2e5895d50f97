import { useQueryClient } from "@tanstack/react-query";
import { Link, Outlet, useLocation, useNavigate } from "@tanstack/react-router";
import { type ReactNode, Suspense, lazy, useEffect, useState } from "react";
import { onGap, reconnect, shared, useConnection, useTopology } from "../api/events";
import { signOut, useSession } from "../api/session";
import { Mark } from "../pages/Login";
import { Ago, Boundary, Icon, Skeleton, Toasts, toastError } from "./kit";
import { useEdges } from "./edges";

const Palette = lazy(() => import("./Palette"));

export default function Shell(): ReactNode {
  const [menu, setMenu] = useState(false);
  const [palette, setPalette] = useState<"" | "search" | "keys">("");
  const client = useQueryClient();
  const location = useLocation();
  useEffect(() => setMenu(false), [location.pathname]);
  useEffect(
    () =>
      onGap(() => {
        void client.invalidateQueries();
      }),
    [client],
  );
  useShortcuts(setPalette);
  return (
    <div className="shell">
      <a className="skip" href="#main" onClick={(event) => { event.preventDefault(); document.getElementById("main")?.focus(); }}>
        Skip to the content
      </a>
      <Rail open={menu} search={() => setPalette("search")} />
      <div className="main">
        <header className="topbar">
          <button type="button" className="iconbutton" aria-label="Menu" aria-expanded={menu} onClick={() => setMenu(!menu)}>
            <Icon name={menu ? "close" : "menu"} />
          </button>
          <strong>Edge Explorer</strong>
        </header>
        <Banner />
        <main id="main" tabIndex={-1} onClick={() => menu && setMenu(false)}>
          <Boundary key={location.pathname} title="This page broke">
            <Suspense fallback={<div className="page"><Skeleton lines={6} /></div>}>
              <Outlet />
            </Suspense>
          </Boundary>
        </main>
      </div>
      <Toasts />
      {palette ? (
        <Suspense>
          <Palette keys={palette === "keys"} close={() => setPalette("")} />
        </Suspense>
      ) : null}
    </div>
  );
}

function Banner(): ReactNode {
  const { status, since, retryAt } = useConnection();
  const [, tick] = useState(0);
  const [overdue, setOverdue] = useState(false);
  useEffect(() => {
    if (status === "live") {
      setOverdue(false);
      return undefined;
    }
    const timer = setInterval(() => tick((n) => n + 1), 1000);
    const late = setTimeout(() => setOverdue(true), 4000);
    return () => {
      clearInterval(timer);
      clearTimeout(late);
    };
  }, [status]);
  if (status === "live" || status === "signed-out" || (status === "connecting" && !overdue)) {
    return shared.worker ? null : <div className="banner">This browser opens one connection a tab: keep fewer than six open.</div>;
  }
  const wait = Math.max(0, Math.ceil((retryAt - Date.now()) / 1000));
  return (
    <div className="banner" role="alert">
      <span>
        The bridge can’t be reached since <Ago ms={since} />. What is shown may be out of date.
      </span>
      <span className="small">{wait ? `Next try in ${wait} s` : retryAt ? "Trying …" : ""}</span>
      <button type="button" className="button small" onClick={reconnect}>
        Reconnect now
      </button>
    </div>
  );
}

function Rail({ open, search }: { open: boolean; search: () => void }): ReactNode {
  const topology = useTopology();
  const edges = useEdges();
  const live = useConnection().status === "live";
  const session = useSession();
  const leave = async () => {
    try {
      await signOut();
    } catch (error) {
      toastError(error, "Sign out");
    }
  };
  const names = edges.data?.edges.map((edge) => edge.name) ?? Object.keys(topology?.edges ?? {});
  return (
    <nav className={`rail${open ? " open" : ""}`} aria-label="Main">
      <Link className="brand" to="/">
        <Mark /> Edge Explorer
      </Link>
      <button type="button" className="search-button" onClick={search}>
        <Icon name="search" /> Search <kbd>Ctrl K</kbd>
      </button>
      <div>
        <Item to="/" icon="edges" exact>
          Edges
        </Item>
        <Item to="/ui/activity" icon="activity">
          Activity
        </Item>
        <Item to="/ui/launch" icon="launch">
          Launch
        </Item>
        <Item to="/ui/bridge" icon="bridge">
          Bridge
        </Item>
      </div>
      <div>
        <h2 className="rail-heading">Edges</h2>
        {names.length === 0 ? <p className="rail-heading muted">none yet</p> : null}
        <ul>
          {names.map((name) => {
            const known = topology?.edges[name];
            const tone = !live ? "idle" : known ? (known.suspect ? "warn" : "ok") : "bad";
            const words = !live ? "unknown" : known ? (known.suspect ? "not answering" : "connected") : "away";
            return (
              <li key={name}>
                <Item to={`/ui/e/${encodeURIComponent(name)}`} exact dot={tone} words={words}>
                  {name}
                </Item>
                <ul className="sub">
                  {Object.entries(known?.plugins ?? {}).filter(([, about]) => about.status !== "disabled").map(([plugin, about]) => (
                    <li key={plugin}>
                      <Item to={`/ui/e/${encodeURIComponent(name)}/${encodeURIComponent(plugin)}`} icon={about.ui_config?.icon ?? "plugin"}>
                        <span className="cut">{about.title || plugin}</span>
                        {about.status !== "loaded" ? <span className="badge warn">{about.status}</span> : null}
                      </Item>
                    </li>
                  ))}
                </ul>
              </li>
            );
          })}
        </ul>
      </div>
      <div className="foot">
        <Item to="/ui/settings" icon="settings">
          Settings
        </Item>
        <button type="button" className="item" onClick={() => void leave()}>
          <Icon name="out" /> Sign out <span className="muted small cut">{session?.subject}</span>
        </button>
      </div>
    </nav>
  );
}

function Item({ to, icon, dot, words, exact = false, children }: { to: string; icon?: string; dot?: string; words?: string; exact?: boolean; children: ReactNode }): ReactNode {
  return (
    <Link to={to} className="item" activeOptions={{ exact, includeSearch: false }} activeProps={{ "aria-current": "page" }}>
      {icon ? <Icon name={icon} /> : null}
      {dot ? <span className={`dot ${dot}`} aria-hidden="true" /> : null}
      {children}
      {words ? <span className="sr">({words})</span> : null}
    </Link>
  );
}

function useShortcuts(show: (what: "search" | "keys") => void): void {
  const navigate = useNavigate();
  useEffect(() => {
    let waiting = 0;
    const pressed = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        show("search");
        return;
      }
      const target = event.target as HTMLElement;
      if (event.ctrlKey || event.metaKey || event.altKey || target.closest("input, textarea, select, [contenteditable], dialog")) return;
      if (waiting && Date.now() - waiting < 1500) {
        const to = { e: "/", a: "/ui/activity", b: "/ui/bridge", l: "/ui/launch", s: "/ui/settings" }[event.key];
        waiting = 0;
        if (to) {
          event.preventDefault();
          void navigate({ to });
          return;
        }
      }
      if (event.key === "g") waiting = Date.now();
      else if (event.key === "?") show("keys");
      else if (event.key === "/") {
        const filter = document.querySelector<HTMLElement>("[data-filter]");
        if (filter) {
          event.preventDefault();
          filter.focus();
        }
      } else if (event.key === "n") document.querySelector<HTMLElement>("[data-new]")?.click();
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, [navigate, show]);
}
