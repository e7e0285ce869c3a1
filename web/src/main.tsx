// SPDX-License-Identifier: Apache-2.0
import { render } from "preact";
import { ApiError, api } from "./api";

async function main() {
	const token = /^#t=([0-9A-Za-z]+)$/.exec(location.hash)?.[1];
	if (token) {
		history.replaceState(null, "", "#/flows");
		await api.login(token).catch(() => undefined);
	}
	const root = document.getElementById("app")!;
	try {
		const h = await api.health();
		render(<p>{h.counters.flows} flows, {h.agents.length} agents</p>, root);
	} catch (e) {
		render(<p role="alert">{e instanceof ApiError && e.status === 401 ? "Open the address that limpid printed." : String(e)}</p>, root);
	}
}

void main();
