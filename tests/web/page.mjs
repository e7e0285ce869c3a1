// SPDX-License-Identifier: Apache-2.0
// page.mjs TMP - the page in a real browser, on a real hub, fed by an agent over gRPC.  TAP.
// LIMPID_PAGE_PARTS=list,filter runs only these parts, after what they need: signingIn, firstRun, list.
import { script } from "./actions.mjs";
import { detail, filter, firstRun, list, signingIn } from "./look.mjs";
import { clearing, following, health, keyboard, picker, restart, rules } from "./work.mjs";
import { talk } from "./talk.mjs";

await script(() => {}, [signingIn, firstRun, list, filter, detail, talk, following, picker, health, keyboard, restart, clearing, rules], { needs: ["signingIn", "firstRun", "list"] });
