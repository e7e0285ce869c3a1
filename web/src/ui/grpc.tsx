// SPDX-License-Identifier: Apache-2.0
// A call of gRPC: what was called, how it ended, its deadline, its messages both ways, its trailers, and by which types they are read.
import { useEffect, useRef, useState } from "preact/hooks";
import type { Body, Flow, Message } from "../model/api";
import { count, duration, oneLine, size, statusKind } from "../model/format";
import { deadlineOf, kindOf, pathOf, statusOf, trailersOf } from "../model/grpc";
import { nsOfIso } from "../model/related";
import { attrs } from "../model/sql";
import { REQUEST, RESPONSE, forgetSchemas, giveSchemas, schemas, schemasFromTraffic } from "../model/talk-api";
import type { Schemas } from "../model/talk-api";
import { say } from "../session";
import css from "../style/lazy/grpc.css";
import { Icon } from "./icons";
import { adopt } from "./lazy";
import Messages from "./messages";

adopt(css);

// --- types: what somebody chose, for each method and direction, in this browser ----------------------------------------

const CHOICES_MAX = 200;
function choices(): Record<string, string> {
	try {
		const v: unknown = JSON.parse(localStorage.getItem("limpid.types") ?? "{}");
		return v && typeof v === "object" ? (v as Record<string, string>) : {};
	} catch {
		return {};
	}
}
let chosen = choices();
function choose(key: string, type: string): void {
	const { [key]: _, ...rest } = chosen;
	chosen = Object.fromEntries([...Object.entries(rest), ...(type ? [[key, type] as const] : [])].slice(-CHOICES_MAX));
	try {
		localStorage.setItem("limpid.types", JSON.stringify(chosen));
	} catch {
		/* it lasts as long as the tab */
	}
}
const keyOf = (f: Flow, dir: "c2s" | "s2c"): string => `${dir === "c2s" ? "↑" : "↓"} ${f.request?.target ?? ""}`;

/* undefined: as the agent read it, or by the looks of its fields. */
function typeOf(f: Flow, dir: "c2s" | "s2c", known: Schemas | null): string | undefined {
	const own = chosen[keyOf(f, dir)];
	if (own !== undefined && known?.messages.includes(own)) return own;
	const method = known?.methods.find((m) => m.path === f.request?.target);
	return method && (dir === "c2s" ? method.input : method.output);
}

/* The one message of a side that is no stream. */
function alone(f: Flow, body: Body | null | undefined, seq: number): Message[] {
	if (!body || (!body.captured && body.len === 0 && body.decoded === undefined)) return [];
	const at = nsOfIso(f.ts) + (seq === REQUEST ? 0n : BigInt(Math.round(f.duration_ns ?? 0)));
	const frac = String(at % 1000000000n).padStart(9, "0");
	return [{ seq, ts: `${new Date(Number(at / 1000000n)).toISOString().slice(0, 19)}.${frac}Z`, dir: seq === REQUEST ? "c2s" : "s2c", op: "message", body }];
}

export default function Grpc({ f }: { f: Flow }) {
	const [known, setKnown] = useState<Schemas | null>(null);
	const [error, setError] = useState("");
	const [, redraw] = useState(0);
	const load = (): Promise<void> => schemas().then(setKnown, (e: unknown) => setError(e instanceof Error ? e.message : String(e)));
	useEffect(() => void load(), []);
	const change = async (what: string, run: () => Promise<void>) => {
		setError("");
		try {
			await run();
			await load();
			say(what);
		} catch (e) {
			setError(e instanceof Error ? e.message : String(e));
		}
	};
	const types = { of: (m: Message) => typeOf(f, m.dir, known) };
	return (
		<div class="grpc">
			<Summary f={f} />
			<Trailers f={f} />
			<Types f={f} known={known} change={change} error={error} onChoose={() => redraw((n) => n + 1)} />
			<Messages f={f} before={alone(f, f.request?.body, REQUEST)} after={alone(f, f.response?.body, RESPONSE)} types={types} />
		</div>
	);
}

function Summary({ f }: { f: Flow }) {
	const { service, method } = pathOf(f);
	const status = statusOf(f);
	const kind = statusKind({ status: f.response?.status ?? null, state: f.state, failed: f.failed, proto: f.proto });
	const reset = attrs(f.response?.attrs, "reset")[0];
	const by = attrs(f.response?.attrs, "reset_by")[0];
	const http = attrs(f.response?.attrs, "http_status")[0];
	const coding = (h: Flow["request"]) => h?.headers?.find(([k]) => k.toLowerCase() === "grpc-encoding")?.[1];
	const codings = [coding(f.request) && `↑ ${coding(f.request)}`, coding(f.response) && `↓ ${coding(f.response)}`].filter(Boolean).join(", ");
	return (
		<dl class="grpc-sum">
			<div>
				<dt>Method</dt>
				<dd>
					<b>{oneLine(method, 200)}</b> <span class="muted">of {oneLine(service, 300)}, {oneLine(kindOf(f), 60)}</span>
				</dd>
			</div>
			<div>
				<dt>Status</dt>
				<dd>
					{status ? (
						<>
							<span class="status-chip" data-kind={kind}>
								{oneLine([status.code, status.name].filter(Boolean).join(" "), 60)}
							</span>{" "}
							{f.response?.reason && <b>{oneLine(f.response.reason, 600)} </b>}
							<span class="muted">{status.meaning}</span>
						</>
					) : (
						<span class="muted">{f.state === "open" ? "The call is not over." : "None was seen."}</span>
					)}
				</dd>
			</div>
			<Deadline f={f} />
			{(reset || http) && (
				<div>
					<dt>{reset ? "Broken off" : "HTTP"}</dt>
					<dd>
						{reset && `${oneLine(reset, 60)}, by the ${oneLine(by ?? "other side", 20)}${reset === "CANCEL" ? ": the call was cancelled" : ""}`}
						{http && ` HTTP status ${oneLine(http, 20)}`}
					</dd>
				</div>
			)}
			<div>
				<dt>Compression</dt>
				<dd>{codings ? oneLine(codings, 100) : <span class="muted">none</span>}</dd>
			</div>
		</dl>
	);
}

function Deadline({ f }: { f: Flow }) {
	const ns = deadlineOf(f);
	const used = f.duration_ns ?? null;
	const told = attrs(f.request?.attrs, "timeout")[0];
	if (!told) return null;
	const part = ns && used !== null ? used / ns : null;
	return (
		<div>
			<dt>Deadline</dt>
			<dd>
				<span class="num">{ns === null ? oneLine(told, 40) : duration(ns)}</span>
				{part !== null && (
					<>
						{", "}
						<meter class="grpc-meter" min={0} max={1} high={0.8} value={Math.min(1, part)} aria-label="How much of the deadline was used" />{" "}
						<span class={part >= 1 ? "warn" : "muted"}>
							{duration(used!)} used, {part >= 10 ? `${Math.round(part)} times that` : `${Math.round(part * 100)} %`}
						</span>
					</>
				)}
			</dd>
		</div>
	);
}

function Trailers({ f }: { f: Flow }) {
	const list = trailersOf(f);
	if (!list.length) return null;
	return (
		<details class="grpc-trailers" open={f.failed}>
			<summary>{count(list.length)} {list.length === 1 ? "trailer" : "trailers"}</summary>
			<dl class="headers">
				{list.map(([k, v]) => (
					<div class="header">
						<dt>{oneLine(k, 200)}</dt>
						<dd>{oneLine(v)}</dd>
					</div>
				))}
			</dl>
		</details>
	);
}

interface TypesProps {
	f: Flow;
	known: Schemas | null;
	change: (what: string, run: () => Promise<void>) => Promise<void>;
	error: string;
	onChoose: () => void;
}

function Types({ f, known, change, error, onChoose }: TypesProps) {
	const file = useRef<HTMLInputElement>(null);
	const list = known?.messages.length ? [...known.messages].sort() : [];
	const pick = (dir: "c2s" | "s2c", label: string) => {
		const now = typeOf(f, dir, known) ?? "";
		return (
			<label>
				{label}
				<select
					aria-label={`${dir === "c2s" ? "Requests" : "Answers"} are read as`}
					value={now}
					onChange={(e) => {
						choose(keyOf(f, dir), e.currentTarget.value);
						onChoose();
					}}
				>
					<option value="">as captured</option>
					{list.map((t) => (
						<option value={t}>{oneLine(t, 120)}</option>
					))}
				</select>
			</label>
		);
	};
	return (
		<div class="grpc-types" role="group" aria-label="Message types">
			{list.length > 0 && (
				<>
					<span class="muted">Read</span>
					{pick("c2s", "↑")}
					{pick("s2c", "↓")}
				</>
			)}
			<span class="grow" />
			<span class="muted" title="Sets of descriptors that the hub was given, for everybody">
				{known?.files ? `${count(known.files)} ${known.files === 1 ? "file" : "files"} with types, ${size(known.bytes)}` : "No types were given."}
			</span>
			<button class="btn tiny" title="A set of descriptors: protoc --include_imports --descriptor_set_out=FILE x.proto, or buf build -o FILE" onClick={() => file.current?.click()}>
				Add types…
			</button>
			<input
				ref={file}
				type="file"
				hidden
				aria-label="A file with descriptors"
				onChange={(e) => {
					const [x] = e.currentTarget.files ?? [];
					e.currentTarget.value = "";
					if (x) void change("The types were added.", () => giveSchemas(x));
				}}
			/>
			<button class="btn tiny" title="What servers told about themselves when a client asked (server reflection)" onClick={() => void change("Types were found in the traffic.", schemasFromTraffic)}>
				From traffic
			</button>
			{known && known.files > 0 && (
				<button class="btn tiny" onClick={() => void change("All types were forgotten.", forgetSchemas)}>
					Forget
				</button>
			)}
			{error && (
				<p class="warn" role="alert">
					<Icon name="warn" /> {oneLine(error, 400)}
				</p>
			)}
		</div>
	);
}
