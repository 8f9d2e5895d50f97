// The description of a plugin, contract radical.edge.ui/1, as the portal reads it.

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type Record_ = Record<string, unknown>;
export type Schema = { [key: string]: unknown };
export type Tone = "ok" | "run" | "warn" | "bad" | "idle";
export type Unit = "percent" | "bytes" | "mebibytes" | "bytes_per_second" | "seconds" | "count";
export type Format =
  | "text" | "code" | "number" | "bytes" | "mebibytes" | "percent" | "time" | "duration" | "boolean" | "json";
export type ViewKind = "form" | "table" | "detail" | "plot" | "gauge" | "facts" | "log";

export type Condition =
  | { field: string; in: Json[] }
  | { all: Condition[] }
  | { any: Condition[] }
  | { not: Condition };

export interface Choices {
  operation: string;
  items: string;
  value: string;
  label: string;
}

export interface FieldHint {
  title?: string;
  placeholder?: string;
  help?: string;
  widget?: "text" | "textarea" | "password" | "select" | "checkbox" | "radio" | "hidden";
  advanced?: boolean;
  choices?: Choices;
}

export interface OperationUi {
  order?: string[];
  advanced?: string[];
  fields?: Record<string, FieldHint>;
  submit?: string;
  /** What the operation is for, so that other pages find it without knowing its plugin. */
  purpose?: "launch" | "submit";
  /** Where in the input the things go that such a page may give, by their names. */
  accepts?: Record<string, string>;
}

export interface Operation {
  title: string;
  summary?: string;
  method: "GET" | "POST";
  path: string;
  effect: "read" | "write" | "destructive" | "function";
  input: Schema;
  output: Schema;
  examples?: { title?: string; input: Record_ }[];
  ui?: OperationUi;
  result?: "table" | "facts" | "json" | "text";
  live_topic?: string;
  stream?: "text" | "bytes";
  then?: { open: string; key: string };
  confirm?: { retype?: string; text?: string };
  hidden?: boolean;
  repeat?: boolean;
  page?: { cursor: string };
}

export interface Column {
  field: string;
  label?: string;
  format?: Format;
  priority?: number;
  unit?: Unit;
}

export interface Action {
  operation: string;
  title?: string;
  args?: Record<string, string>;
  when?: Condition;
  bulk?: boolean;
}

export interface LogSource {
  title: string;
  operation: string;
  args?: Record<string, string>;
  input?: Record_;
  offset?: string;
}

export interface StateHint {
  field: string;
  tone?: Record<string, Tone>;
  final?: string[];
}

export interface Resource {
  title: string;
  key: string;
  label?: string;
  list: string;
  list_input?: Record_;
  items: string;
  get?: string;
  live?: { topic: string; merge: "key" | "refetch"; version?: string };
  state?: StateHint;
  timeline?: { label: string; field: string }[];
  reason?: string;
  actions?: Action[];
  logs?: LogSource[];
}

export interface Stream {
  topic: string;
  time?: string;
  /** An operation that tells the past, as a list of what the topic would have told. */
  history?: string;
  /** Where that list is in its answer. */
  samples?: string;
}

export interface Series {
  field: string;
  label: string;
}

interface ViewBase {
  id: string;
  title?: string;
  summary?: boolean;
}
export interface FormView extends ViewBase { kind: "form"; operation: string }
export interface TableView extends ViewBase { kind: "table"; resource: string; columns: Column[] }
export interface DetailView extends ViewBase { kind: "detail"; resource: string; fields?: Column[] }
export interface PlotView extends ViewBase {
  kind: "plot"; stream: string; unit?: Unit; each?: string; series: Series[]; max?: number;
}
export interface GaugeView extends ViewBase {
  kind: "gauge"; operation: string; input?: Record_; unit?: Unit; each?: string; label?: string; used: string; of: string;
  details?: Column[];
  leads?: { purpose: "submit"; give: Record<string, string> };
}
export interface FactsView extends ViewBase { kind: "facts"; operation: string; at?: string; fields?: Column[] }
export interface LogView extends ViewBase { kind: "log"; operation: string; input?: Record_ }
export type View = FormView | TableView | DetailView | PlotView | GaugeView | FactsView | LogView;

export interface Description {
  contract: string;
  plugin: { name: string; title: string; version: string; summary?: string; icon?: string; docs?: string };
  sessions: boolean;
  session_options?: Schema | null;
  $defs: Record<string, Schema>;
  topics: Record<string, { kind: "durable" | "ephemeral" }>;
  operations: Record<string, Operation>;
  resources: Record<string, Resource>;
  streams: Record<string, Stream>;
  views: View[];
}
