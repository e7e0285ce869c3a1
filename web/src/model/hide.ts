// SPDX-License-Identifier: Apache-2.0
// Secrets in texts of one line, for presentation mode: targets of rows, notes, filters, names of endpoints.  Heads and bodies come
// from the hub without their secrets (docs/redaction.md); this is the part of those rules that concerns such texts.  No DOM.

const PARTS = /password|passwd|passphrase|secret|apikey|accesskey|privatekey|signingkey|credential|authorization|cardnumber|creditcard/;
const WHOLE = new Set(["pwd", "pass", "cookie", "jwt", "sid", "session", "sessionid", "sig", "signature", "xamzsignature", "hmac", "pin", "cvv", "cvc", "otp", "totp", "ssn", "iban", "pan"]);

/* Own rules (docs/redaction.md): names, and expressions; those that are none for JavaScript hide every text. */
let ownNames: ReadonlySet<string> = new Set();
let ownTexts: (RegExp | null)[] = [];
const plainName = (s: string): string => s.toLowerCase().replace(/[^a-z0-9]/g, "");
export function setOwnRules(rules: readonly string[]): void {
	const names: string[] = [];
	ownTexts = [];
	for (const rule of rules) {
		const [, expression, flags] = /^\/(.+)\/(i?)$/.exec(rule) ?? [];
		if (expression === undefined) names.push(plainName(rule));
		else
			try {
				ownTexts.push(new RegExp(expression, `g${flags}`));
			} catch {
				ownTexts.push(null);
			}
	}
	ownNames = new Set(names);
}

export function isSecretName(name: string): boolean {
	let plain = name;
	try {
		plain = decodeURIComponent(name);
	} catch {
		/* as it is */
	}
	plain = plainName(plain);
	return WHOLE.has(plain) || ownNames.has(plain) || PARTS.test(plain) || (plain.endsWith("token") && !/(page|next|continue|continuation|sync|cursor)token$/.test(plain));
}

function luhn(digits: string): boolean {
	let sum = 0;
	[...digits].reverse().forEach((d, i) => {
		const v = Number(d) * (i % 2 ? 2 : 1);
		sum += v > 9 ? v - 9 : v;
	});
	return sum % 10 === 0;
}

/* Also what stands behind such a name in a filter, in JSON, in a header: "password": "x", header.authorization:x. */
const PAIRS = /([\w%[\]-]{1,200}(?:\.[\w%[\]-]{1,200})*)"?(\s*(?:!=|>=|<=|[:=~<>])\s*)((?:Bearer|Basic)\s+[^\s"',;)]+|'[^']*'|"(?:[^"\\]|\\.)*"|[^&;#\s"'<>,)]+)/gi;

export function hideInText(text: string): string {
	if (ownTexts.includes(null)) return text && "REDACTED";
	const own = ownTexts.reduce((s, r) => s.replace(r!, "REDACTED"), text);
	return own
		.replace(PAIRS, (all, name: string, _op: string, value: string) => (value !== "REDACTED" && !value.startsWith("//") && name.split(".").some(isSecretName) ? all.slice(0, all.length - value.length) + "REDACTED" : all))
		.replace(/([\w.%[\]-]{1,200})=('[^']*'|"[^"]*"|[^&;#\s"'<>,)]+)/g, (all, name: string, value: string) => (isSecretName(name) ? `${name}=REDACTED` : /^(key|code)$/i.test(name) && value.length >= 16 ? `${name}=REDACTED` : all))
		.replace(/\b(password|identified(?:\s+with\s+\w+)?\s+by|secret|token)(\s*(?:=|:=|=>)?\s*(?:\w+\()?)'(?:[^'\\]|''|\\.)*'/gi, "$1$2'REDACTED'")
		.replace(/(:\/\/[^/\s:@]*:)[^@/\s]+@/g, "$1REDACTED@")
		.replace(/\b(Bearer|Basic)\s+[\w.~+/=-]{6,}/g, "$1 REDACTED")
		.replace(/\beyJ[\w-]{5,}\.[\w-]+\.[\w-]*/g, "REDACTED")
		.replace(/(?<![\w.])[3-6]\d{3}(?:[ -]?\d{4}){3}(?!\w)|(?<![\w.])3[47]\d{2}[ -]?\d{6}[ -]?\d{5}(?!\w)/g, (s) => (luhn(s.replace(/\D/g, "")) ? "REDACTED" : s));
}
