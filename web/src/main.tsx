// SPDX-License-Identifier: Apache-2.0
import { render } from "preact";
import { connect, pollHealth, readRoute, redraw, refreshDetail, signIn, startDetail, writeHash } from "./session";
import { onScreenChange, startBadge } from "./state/screen";
import { App } from "./ui/app";
import { listenToKeys } from "./ui/keys";

/* The printed address brings the token in its fragment, which no server log and no Referer sees; it is
 * exchanged for a cookie once, and leaves the address bar. */
const token = /^#t=([0-9A-Za-z]{8,128})$/.exec(location.hash)?.[1];
if (token) {
	writeHash("#/flows");
	await signIn(token);
} else {
	connect();
}

render(<App />, document.getElementById("app")!);
listenToKeys();
addEventListener("hashchange", () => {
	const t = /^#t=([0-9A-Za-z]{8,128})$/.exec(location.hash)?.[1];
	if (!t) return readRoute();
	writeHash("#/flows");
	void signIn(t);
});
startDetail();
startBadge();
onScreenChange(() => {
	redraw();
	refreshDetail();
});
pollHealth();
