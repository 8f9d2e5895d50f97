import { type ReactNode, useState } from "react";
import { shared } from "../api/events";
import { useSession } from "../api/session";
import { Page, toast } from "../ui/kit";
import { setTheme, type Theme, themeNow } from "../ui/theme";

const THEMES: [Theme, string][] = [
  ["system", "As the system"],
  ["light", "Light"],
  ["dark", "Dark"],
];

export default function Settings(): ReactNode {
  const [theme, set] = useState<Theme>(themeNow);
  const session = useSession();
  const forget = () => {
    try {
      for (const name of Object.keys(localStorage)) if (name.startsWith("edge.") && name !== "edge.theme") localStorage.removeItem(name);
      for (const name of Object.keys(sessionStorage)) if (name.startsWith("edge.")) sessionStorage.removeItem(name);
    } catch {
      // No storage: nothing was kept.
    }
    toast("ok", "Drafts, pins and choices are forgotten");
  };
  return (
    <Page title="Settings">
      <fieldset className="card">
        <legend className="sr">Theme</legend>
        <h2 aria-hidden="true">Theme</h2>
        <div className="row">
          {THEMES.map(([value, label]) => (
            <label key={value} className="chip">
              <input
                type="radio"
                name="theme"
                checked={theme === value}
                onChange={() => {
                  set(value);
                  setTheme(value);
                }}
              />
              {label}
            </label>
          ))}
        </div>
      </fieldset>
      <section className="card stack tight" aria-labelledby="kept">
        <h2 id="kept">Kept in this browser</h2>
        <p>Unsent forms, pinned edges and the theme. Never a token, and never what a field marks as secret.</p>
        <p>
          <button type="button" className="button" onClick={forget}>
            Forget drafts and pins
          </button>
        </p>
      </section>
      <section className="card stack tight" aria-labelledby="about">
        <h2 id="about">About</h2>
        <p>
          Edge Explorer on bridge {session?.bridge?.version}. {shared.worker ? "All tabs share one event stream." : "Each tab has an event stream of its own."} The API is described at{" "}
          <a href={new URL("docs", document.baseURI).href}>docs</a> and <a href={new URL("openapi.json", document.baseURI).href}>openapi.json</a>. Press <kbd>?</kbd> for keyboard
          shortcuts.
        </p>
      </section>
    </Page>
  );
}
