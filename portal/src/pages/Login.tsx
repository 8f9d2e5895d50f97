import { type FormEvent, type ReactNode, useEffect, useRef, useState } from "react";
import { Problem } from "../api/client";
import { signIn } from "../api/session";

export default function Login(): ReactNode {
  const [token, setToken] = useState("");
  const [wrong, setWrong] = useState("");
  const [busy, setBusy] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    document.title = "Sign in · Edge Explorer";
    field.current?.focus();
  }, []);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setWrong("");
    try {
      await signIn(token.trim());
    } catch (error) {
      setWrong(error instanceof Problem ? sentence(error.message) : String(error));
      setBusy(false);
      field.current?.focus();
    }
  };
  return (
    <main className="login">
      <form className="card" onSubmit={(event) => void submit(event)}>
        <div className="brand">
          <Mark /> Edge Explorer
        </div>
        <h1>Sign in</h1>
        <div>
          <label className="label" htmlFor="token">
            Token
          </label>
          <input
            ref={field}
            id="token"
            type="password"
            className="input mono"
            autoComplete="off"
            spellCheck={false}
            required
            value={token}
            onChange={(event) => setToken(event.target.value)}
            aria-invalid={wrong !== ""}
            aria-describedby={wrong ? "token-wrong" : "token-help"}
          />
          {wrong ? (
            <p id="token-wrong" className="field-error" role="alert">
              {wrong}
            </p>
          ) : null}
        </div>
        <button type="submit" className="button primary" disabled={busy || token.trim() === ""}>
          {busy ? "Signing in …" : "Sign in"}
        </button>
        <p id="token-help" className="small muted">
          The bridge’s own token is in the file <code>bridge/admin.token</code> of its state folder; <code>radical-edge token create</code> makes others. It is
          exchanged for a cookie that scripts can’t read.
        </p>
      </form>
    </main>
  );
}

export function Mark(): ReactNode {
  return (
    <svg viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="7" fill="#2563c9" />
      <g fill="none" stroke="#fff" strokeWidth="2.4" strokeLinecap="round">
        <path d="M16 16 8 8M16 16l8-8M16 16v9" />
      </g>
      <g fill="#fff">
        <circle cx="16" cy="16" r="4" />
        <circle cx="8" cy="8" r="3" />
        <circle cx="24" cy="8" r="3" />
        <circle cx="16" cy="25" r="3" />
      </g>
    </svg>
  );
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
}
