import { render } from "preact";
import { App } from "./shell/App";
import { watchAddress } from "./shell/address";
import { applyTheme } from "./shell/theme";
import "./shell/tokens.css";
import "./shell/shell.css";
import "./parts/parts.css";

applyTheme();
watchAddress();
const page = document.getElementById("page");
if (page) render(<App />, page);
