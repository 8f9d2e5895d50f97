// Who is signed in.

import { useSyncExternalStore } from "react";
import { get, onSignedOut, post } from "./client";
import { connectionStore, listen } from "./events";

export interface Session {
  authenticated: boolean;
  subject?: string;
  scopes?: string[];
  expires?: number;
  bridge?: { version: string; url: string; instance: string; started: number };
}

let current: Session | undefined;
const listeners = new Set<() => void>();

function become(session: Session): void {
  current = session;
  for (const listener of listeners) listener();
}

onSignedOut(() => become({ authenticated: false }));
connectionStore.subscribe(() => {
  if (connectionStore.get().status === "signed-out" && current?.authenticated) become({ authenticated: false });
});

/** Find out who is signed in; a token in the fragment signs in, and is gone from the address at once. */
export async function begin(): Promise<void> {
  const token = /(?:^#|&)token=([^&]+)/.exec(location.hash)?.[1];
  if (token !== undefined) {
    history.replaceState(history.state, "", location.pathname + location.search);
    try {
      await signIn(decodeURIComponent(token));
      return;
    } catch {
      // The sign-in page asks for another.
    }
  }
  try {
    const found = await get<Session>("/auth/session");
    if (found.authenticated) listen();
    become(found);
  } catch {
    become({ authenticated: false });
  }
}

export async function signIn(token: string): Promise<void> {
  const found = await post<Session>("/auth/login", { token });
  listen();
  become(found);
}

export async function signOut(): Promise<void> {
  await post("/auth/logout");
  become({ authenticated: false });
}

export function useSession(): Session | undefined {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => current,
  );
}

/** Whether the signed-in token may do something, as far as its scopes tell; the bridge has the last word. */
export function may(session: Session | undefined, verb: string, target: string): boolean {
  const [edge = "", plugin = "*"] = target.split("/");
  return (session?.scopes ?? []).some((scope) => {
    const [held, rest = ""] = scope.split(":");
    const [edgeGlob = "", pluginGlob = "*"] = rest.split("/");
    return (held === verb || (held === "write" && verb === "read")) && glob(edgeGlob, edge) && glob(pluginGlob, plugin);
  });
}

function glob(pattern: string, text: string): boolean {
  const expression = pattern.replace(/[.+^${}()|[\]\\]/g, "\\$&").replace(/\*/g, ".*").replace(/\?/g, ".");
  return new RegExp(`^${expression}$`).test(text);
}
