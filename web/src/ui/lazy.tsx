// SPDX-License-Identifier: Apache-2.0
// A page whose code comes when it is first looked at, so that the list is on screen sooner.
import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Icon } from "./icons";

/* load: `() => import("./map")`, a module whose default export is the page.  The browser loads it once. */
export function Lazy({ name, load }: { name: string; load: () => Promise<{ default: ComponentType }> }) {
	const [page, setPage] = useState<{ Page: ComponentType } | null>(null);
	const [error, setError] = useState("");
	const [attempt, setAttempt] = useState(0);
	useEffect(() => {
		let here = true;
		load().then(
			(m) => here && setPage({ Page: m.default }),
			() => here && setError("The hub did not answer."),
		);
		return () => {
			here = false;
		};
	}, [attempt]);
	if (page) return <page.Page />;
	if (!error) return name ? <main class="page" aria-label={name} aria-busy="true" /> : null;
	return (
		<main class="page" aria-label={name}>
			<div class="panel-error" role="alert">
				<p>
					<Icon name="warn" /> {name} could not be loaded: {error}
				</p>
				{/* A hub that was updated meanwhile has other files: a new page knows their names. */}
				<button
					class="btn small"
					onClick={() => {
						setError("");
						setAttempt(attempt + 1);
					}}
				>
					Try again
				</button>
				<button class="btn small" onClick={() => location.reload()}>
					Load the page again
				</button>
			</div>
		</main>
	);
}

/* Styles that came with such a page's code; a second time they are there already. */
export function adopt(css: string): void {
	const sheet = new CSSStyleSheet();
	sheet.replaceSync(css);
	document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}

/* A part of a page in the same way; what it is given may change. */
export function LazyPart<P extends object>({ name, load, props }: { name: string; load: () => Promise<{ default: ComponentType<P> }>; props: P }) {
	const [part, setPart] = useState<{ Part: ComponentType<P> } | null>(null);
	const [error, setError] = useState(false);
	const [attempt, setAttempt] = useState(0);
	useEffect(() => {
		let here = true;
		load().then(
			(m) => here && setPart({ Part: m.default }),
			() => here && setError(true),
		);
		return () => {
			here = false;
		};
	}, [attempt]);
	if (part) return <part.Part {...props} />;
	if (!error) return <div class="loading" aria-busy="true" />;
	return (
		<p class="empty muted" role="alert">
			{name} could not be loaded: the hub did not answer.{" "}
			<button class="btn small" onClick={() => (setError(false), setAttempt(attempt + 1))}>
				Try again
			</button>
		</p>
	);
}
