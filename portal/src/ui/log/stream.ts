// A stream of bytes as lines: resumes at its byte offset, bounded in memory.

import { useEffect, useRef, useState } from "react";
import { Problem } from "../../api/client";
import { useConnection } from "../../api/events";
import { append, type Kept, type Line } from "./text";

/** What is read before the stream first pauses this long, or in its first seconds, was there before. */
const PAUSE_MS = 200;
const BACKLOG_MS = 3000;

export interface Source {
  /** Open the stream at a byte offset. */
  open: (offset: number, signal: AbortSignal) => Promise<Response>;
  resumes: boolean;
}

export interface Heard {
  lines: Line[];
  state: "open" | "ended" | "failed" | "waiting";
  problem: string;
}

export function useLines({ open, resumes }: Source): Heard {
  const [lines, setLines] = useState<Line[]>([]);
  const [state, setState] = useState<Heard["state"]>("open");
  const [problem, setProblem] = useState("");
  const [again, setAgain] = useState(0);
  const live = useConnection().status === "live";
  const opener = useRef(open);
  opener.current = open;
  const progress = useRef<Kept & { offset: number; decoder: TextDecoder }>({ offset: 0, decoder: new TextDecoder(), lines: [], dropped: 0 });

  useEffect(() => {
    const abort = new AbortController();
    const kept = progress.current;
    let frame = 0;
    const show = () => {
      if (frame) return;
      frame = requestAnimationFrame(() => {
        frame = 0;
        setLines([...kept.lines]);
      });
    };
    const run = async () => {
      setState("open");
      const answer = await opener.current(kept.offset, abort.signal);
      const reader = answer.body?.getReader();
      if (!reader) return;
      if (!resumes) Object.assign(kept, { lines: [], open: "", offset: 0, decoder: new TextDecoder() });
      const begun = Date.now();
      let asked = begun;
      let old = true;
      while (true) {
        const { value, done } = await reader.read();
        if (done) break;
        const now = Date.now();
        old &&= now - asked < PAUSE_MS && now - begun < BACKLOG_MS;
        kept.offset += value.byteLength;
        append(kept, kept.decoder.decode(value, { stream: true }), old ? 0 : now);
        show();
        asked = Date.now();
      }
      setState("ended");
    };
    run().catch((error: unknown) => {
      if (abort.signal.aborted) return;
      const told = error instanceof Problem ? error : undefined;
      if (told && told.status >= 400 && told.status < 500) {
        setProblem(told.message);
        setState("failed");
      } else setState("waiting");
    });
    return () => {
      abort.abort();
      cancelAnimationFrame(frame);
    };
  }, [again, resumes]);

  useEffect(() => {
    if (state !== "waiting") return undefined;
    const timer = setTimeout(() => setAgain((n) => n + 1), live ? 1000 : 4000);
    return () => clearTimeout(timer);
  }, [state, live]);

  return { lines, state, problem };
}
