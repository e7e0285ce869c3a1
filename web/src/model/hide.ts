// SPDX-License-Identifier: Apache-2.0
// Secrets in a row's target, for presentation mode.  Everything else on screen comes from the hub without its secrets
// (docs/redaction.md); this is the part of those rules that concerns targets.  No DOM.

const PARTS = /password|passwd|passphrase|secret|apikey|accesskey|privatekey|signingkey|credential|authorization|cardnumber|creditcard/;
const WHOLE = new Set(["pwd", "pass", "cookie", "jwt", "sid", "session", "sessionid", "sig", "signature", "xamzsignature", "hmac", "pin", "cvv", "cvc", "otp", "totp", "ssn", "iban", "pan"]);

export function isSecretName(name: string): boolean {
	let plain = name;
	try {
		plain = decodeURIComponent(name);
	} catch {
		/* as it is */
	}
	plain = plain.toLowerCase().replace(/[^a-z0-9]/g, "");
	return WHOLE.has(plain) || PARTS.test(plain) || (plain.endsWith("token") && !/(page|next|continue|continuation|sync|cursor)token$/.test(plain));
}

function luhn(digits: string): boolean {
	let sum = 0;
	[...digits].reverse().forEach((d, i) => {
		const v = Number(d) * (i % 2 ? 2 : 1);
		sum += v > 9 ? v - 9 : v;
	});
	return sum % 10 === 0;
}

export function hideInText(text: string): string {
	return text
		.replace(/([\w.%[\]-]{1,200})=('[^']*'|"[^"]*"|[^&;#\s"'<>,)]+)/g, (all, name: string, value: string) => (isSecretName(name) ? `${name}=REDACTED` : /^(key|code)$/i.test(name) && value.length >= 16 ? `${name}=REDACTED` : all))
		.replace(/\b(password|identified(?:\s+with\s+\w+)?\s+by|secret|token)(\s*(?:=|:=|=>)?\s*(?:\w+\()?)'(?:[^'\\]|''|\\.)*'/gi, "$1$2'REDACTED'")
		.replace(/(:\/\/[^/\s:@]*:)[^@/\s]+@/g, "$1REDACTED@")
		.replace(/\beyJ[\w-]{5,}\.[\w-]+\.[\w-]*/g, "REDACTED")
		.replace(/(?<![\w.])[3-6]\d{3}(?:[ -]?\d{4}){3}(?!\w)|(?<![\w.])3[47]\d{2}[ -]?\d{6}[ -]?\d{5}(?!\w)/g, (s) => (luhn(s.replace(/\D/g, "")) ? "REDACTED" : s));
}
