// Bytes as lines of text: colours, progress bars that draw over themselves, and a bound.

const KEPT = 100_000;
const LONGEST = 10_000;

export interface Piece {
  text: string;
  style: string;
}

// biome-ignore lint: control characters are what this is about
const ESCAPES = /\x1b\[([0-9;]*)m|\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-Z\\-_]|[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]/g;

/** Split a line into pieces by its colours; every other control code is dropped. */
export function pieces(line: string): Piece[] {
  const found: Piece[] = [];
  let style: string[] = [];
  let from = 0;
  const push = (to: number) => {
    if (to > from) found.push({ text: line.slice(from, to), style: style.join(" ") });
  };
  for (const match of line.matchAll(ESCAPES)) {
    push(match.index);
    from = match.index + match[0].length;
    if (match[1] !== undefined) {
      for (const code of match[1].split(";")) {
        const number = Number(code || "0");
        if (number === 0) style = [];
        else if ([1, 2, 3, 4].includes(number)) style = [...style.filter((each) => each !== `a${number}`), `a${number}`];
        else if ((number >= 30 && number <= 37) || (number >= 90 && number <= 97)) style = [...style.filter((each) => each.length < 3), `a${number}`];
        else if (number === 39) style = style.filter((each) => each.length < 3);
      }
    }
  }
  push(line.length);
  return found;
}

/** What a line shows once progress bars have drawn over themselves. */
export function settled(line: string): string {
  const trimmed = line.endsWith("\r") ? line.slice(0, -1) : line;
  const last = trimmed.lastIndexOf("\r");
  const shown = last < 0 ? trimmed : trimmed.slice(last + 1);
  return shown.length > LONGEST ? `${shown.slice(0, LONGEST)} … (${shown.length - LONGEST} more characters)` : shown;
}

export interface Line {
  text: string;
  /** When it came, in milliseconds since the epoch; 0 where it was there before. */
  at: number;
}

export interface Kept {
  lines: Line[];
  open?: string;
  dropped: number;
}

/** Append text to lines; the last one stays open until its end of line has come. */
export function append(kept: Kept, text: string, at: number): void {
  const parts = ((kept.open ?? "") + text).split("\n");
  let first = kept.open ? kept.lines.pop()?.at : undefined;
  kept.open = parts.pop() ?? "";
  if (kept.open.length > 4 * LONGEST) kept.open = settled(kept.open);
  for (const part of kept.open === "" ? parts : [...parts, kept.open]) {
    kept.lines.push({ text: settled(part), at: first ?? at });
    first = undefined;
  }
  if (kept.lines.length > KEPT * 1.1) {
    const over = kept.lines.length - KEPT;
    kept.lines.splice(0, over);
    kept.dropped += over;
  }
}
