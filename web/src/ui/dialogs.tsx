// SPDX-License-Identifier: Apache-2.0
import { signal } from "@preact/signals";
import { notice, signIn, signinError } from "../session";
import { Icon, Logo } from "./icons";

/* What lies over everything else; ui/overlays.tsx, which comes with the first of them. */
export type Overlay = "" | "clear" | "keys" | "commands" | "about";
export const overlay = signal<Overlay>("");

export function SignIn() {
	return (
		<main class="signin">
			<form
				onSubmit={(e) => {
					e.preventDefault();
					const t = new FormData(e.currentTarget as HTMLFormElement).get("token");
					if (typeof t === "string" && t.trim()) void signIn(t);
				}}
			>
				<Logo />
				<h2>Open the address that Limpid printed</h2>
				<p>
					It holds the token of this hub and looks like <code>{location.origin}/#t=…</code>. Or paste the address, or the token, here:
				</p>
				<label for="token">Address or token</label>
				<div class="signin-line">
					<input id="token" name="token" type="password" autocomplete="off" spellcheck={false} autofocus />
					<button class="btn primary" type="submit">
						Sign in
					</button>
				</div>
				{signinError.value && (
					<p class="bad" role="alert">
						<Icon name="warn" /> {signinError.value}
					</p>
				)}
			</form>
		</main>
	);
}

let timer = 0;
notice.subscribe((text) => {
	clearTimeout(timer);
	if (text) timer = window.setTimeout(() => (notice.value = ""), 4000);
});

export function Notice() {
	return (
		<div class="notice" role="status">
			{notice.value && <span>{notice.value}</span>}
		</div>
	);
}
