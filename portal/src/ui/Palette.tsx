import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type KeyboardEvent, type ReactNode, useMemo, useState } from "react";
import { useTopology } from "../api/events";
import type { Read } from "../contract/read";
import { at } from "../contract/pointer";
import { itemPath } from "../views/TableView";
import { Icon, useModal } from "./kit";

interface Entry {
  label: string;
  where: string;
  icon: string;
  to: string;
}

const KEYS: [string, string][] = [
  ["Ctrl K", "search"], ["g e", "edges"], ["g a", "activity"], ["g l", "launch"], ["g b", "bridge"], ["g s", "settings"],
  ["/", "filter the table"], ["n", "new: the form of this page"], ["?", "this list"], ["↑ ↓ Enter", "move through a table, open a row"],
];

export default function Palette({ keys, close }: { keys: boolean; close: () => void }): ReactNode {
  const dialog = useModal();
  const [text, setText] = useState("");
  const [chosen, setChosen] = useState(0);
  const topology = useTopology();
  const client = useQueryClient();
  const navigate = useNavigate();

  const entries = useMemo(() => {
    const found: Entry[] = [
      { label: "Edges", where: "page", icon: "edges", to: "/" },
      { label: "Activity", where: "page", icon: "activity", to: "/ui/activity" },
      { label: "Launch an edge", where: "page", icon: "launch", to: "/ui/launch" },
      { label: "Bridge", where: "page", icon: "bridge", to: "/ui/bridge" },
      { label: "Settings", where: "page", icon: "settings", to: "/ui/settings" },
    ];
    for (const [edge, about] of Object.entries(topology?.edges ?? {})) {
      const base = `/ui/e/${encodeURIComponent(edge)}`;
      found.push({ label: edge, where: "edge", icon: "edges", to: base });
      for (const [plugin, told] of Object.entries(about.plugins)) {
        const icon = told.ui_config?.icon ?? "plugin";
        found.push({ label: told.title || plugin, where: edge, icon, to: `${base}/${encodeURIComponent(plugin)}` });
        const read = client.getQueryData<Read>(["describe", told.describe]);
        for (const view of read?.description.views ?? []) {
          if (view.kind !== "detail") found.push({ label: view.title ?? view.id, where: `${edge} › ${told.title || plugin}`, icon, to: `${base}/${encodeURIComponent(plugin)}/${encodeURIComponent(view.id)}` });
        }
        for (const [name, operation] of Object.entries(read?.description.operations ?? {})) {
          if (!operation.hidden) found.push({ label: operation.title, where: `${edge} › ${told.title || plugin} › operation`, icon, to: `${base}/${encodeURIComponent(plugin)}/-?op=${encodeURIComponent(name)}` });
        }
        for (const [name, resource] of Object.entries(read?.description.resources ?? {})) {
          const rows = client.getQueryData<unknown[]>(["op", edge, plugin, resource.list, resource.list_input ?? {}]) ?? [];
          for (const row of rows.slice(0, 20)) {
            const key = at(row, resource.key);
            found.push({ label: `${resource.title} ${String(key)}`, where: `${edge} ${resource.label ? String(at(row, resource.label)) : ""}`, icon, to: itemPath({ edge, plugin }, name, key) });
          }
        }
      }
    }
    return found;
  }, [topology, client]);

  const needle = text.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = entries.filter((entry) => needle.every((word) => `${entry.label} ${entry.where}`.toLowerCase().includes(word))).slice(0, 40);
  const go = (entry: Entry | undefined) => {
    if (!entry) return;
    close();
    const [to, query] = entry.to.split("?");
    void navigate({ to: to as string, search: Object.fromEntries(new URLSearchParams(query)) } as never);
  };
  const pressed = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      setChosen((chosen + step + shown.length) % Math.max(1, shown.length));
      document.getElementById(`palette-${(chosen + step + shown.length) % Math.max(1, shown.length)}`)?.scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter") {
      event.preventDefault();
      go(shown[chosen]);
    }
  };
  if (keys) {
    return (
      <dialog ref={dialog} aria-label="Keyboard shortcuts" onCancel={close} onClick={(event) => event.target === dialog.current && close()}>
        <div className="stack">
          <h2>Keyboard shortcuts</h2>
          <dl className="facts">
            {KEYS.flatMap(([key, what]) => [
              <dt key={`${key}-k`}>
                <kbd>{key}</kbd>
              </dt>,
              <dd key={`${key}-w`}>{what}</dd>,
            ])}
          </dl>
          <div>
            <button type="button" className="button" onClick={close}>
              Close
            </button>
          </div>
        </div>
      </dialog>
    );
  }
  return (
    <dialog ref={dialog} className="palette" aria-label="Search" onCancel={close} onClick={(event) => event.target === dialog.current && close()}>
      <input
        className="input"
        role="combobox"
        aria-expanded="true"
        aria-controls="palette-list"
        aria-activedescendant={shown.length ? `palette-${chosen}` : undefined}
        aria-label="Search edges, plugins, operations, jobs"
        placeholder="Edges, plugins, operations, jobs"
        autoComplete="off"
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          setChosen(0);
        }}
        onKeyDown={pressed}
      />
      <ul id="palette-list" role="listbox" aria-label="Found">
        {shown.map((entry, index) => (
          <li key={`${entry.to} ${entry.label}`} id={`palette-${index}`} role="option" aria-selected={index === chosen} onClick={() => go(entry)}>
            <Icon name={entry.icon} /> <span className="cut">{entry.label}</span> <span className="muted small cut">{entry.where}</span>
          </li>
        ))}
        {shown.length === 0 ? (
          <li role="option" aria-selected="false" aria-disabled="true">
            Nothing found
          </li>
        ) : null}
      </ul>
    </dialog>
  );
}
