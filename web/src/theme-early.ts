// SPDX-License-Identifier: Apache-2.0
// Runs before the first paint, so that a chosen theme does not flash in the other one.
import { applyTheme, storedTheme } from "./model/theme";

applyTheme(storedTheme());
