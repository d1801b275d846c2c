//! A browser to drive: Chromium through chromedriver, by the few calls of the WebDriver protocol
//! (W3C, "WebDriver") that the story needs.

#![expect(clippy::missing_panics_doc, reason = "a test fails loudly")]

mod app;
pub mod authenticator;
#[path = "../../common/left_out.rs"]
mod left_out;
pub mod person;
pub mod site;
#[path = "../../common/tools.rs"]
mod tools;

pub use app::App;

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use serde_json::{Value, json};

/// How an element is named in the protocol.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// How long the page may take for anything.
const PATIENCE: Duration = Duration::from_secs(20);

/// The project's root.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("a root").to_owned()
}

/// Whether a browser can be driven here.
#[must_use]
pub fn can_browse() -> bool {
    tools::installed(&["chromium", "chromedriver"])
}

/// A running chromedriver.
pub struct Driver {
    url: String,
    child: Child,
}

impl Driver {
    #[must_use]
    pub fn start() -> Self {
        // It finds a port that is free for one family of addresses, and ends when it is not for the other.
        (0..9).find_map(|_| Self::try_start()).expect("chromedriver names its port")
    }

    fn try_start() -> Option<Self> {
        let mut child =
            Command::new("chromedriver").arg("--port=0").stdout(Stdio::piped()).spawn().expect("chromedriver starts");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines().map_while(Result::ok);
        let port = lines.find_map(|line| {
            let (_, port) = line.split_once("successfully on port ")?;
            Some(port.trim_end_matches('.').to_owned())
        });
        std::thread::spawn(move || lines.for_each(drop));
        // Ended with this, where it named none.
        let driver = Self { url: format!("http://127.0.0.1:{}", port.as_deref().unwrap_or("0")), child };
        port.map(|_| driver)
    }

    /// Opens a browser with a profile of its own.
    #[must_use]
    pub fn browser(&self) -> Browser {
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--force-color-profile=srgb",
            "--lang=en-GB",
            "--window-size=1100,900",
        ];
        let always = json!({
            "browserName": "chrome",
            "goog:chromeOptions": { "args": arguments, "binary": "/usr/bin/chromium" },
            "goog:loggingPrefs": { "browser": "ALL" },
            "unhandledPromptBehavior": "accept",
        });
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
        let mut browser = Browser { agent, base: format!("{}/session", self.url) };
        let session = browser.post("", &json!({ "capabilities": { "alwaysMatch": always } }));
        browser.base = format!("{}/{}", browser.base, session["sessionId"].as_str().expect("a session"));
        // Noted from the first script on, so that none is missed.
        browser.devtools(
            "Page.addScriptToEvaluateOnNewDocument",
            &json!({ "source": "window.violations = []; addEventListener('securitypolicyviolation', \
                (e) => window.violations.push(`${e.violatedDirective}: ${e.blockedURI}`));" }),
        );
        browser
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A browser; it is closed when this is dropped.
pub struct Browser {
    agent: ureq::Agent,
    base: String,
}

impl Browser {
    fn post(&self, path: &str, body: &Value) -> Value {
        self.try_post(path, body).unwrap_or_else(|error| panic!("{path} {body}: {error}"))
    }

    fn try_post(&self, path: &str, body: &Value) -> Result<Value, String> {
        value(self.agent.post(format!("{}{path}", self.base)).send_json(body))
    }

    fn get(&self, path: &str) -> Value {
        value(self.agent.get(format!("{}{path}", self.base)).call()).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    fn delete(&self, path: &str) {
        value(self.agent.delete(format!("{}{path}", self.base)).call())
            .unwrap_or_else(|error| panic!("{path}: {error}"));
    }

    fn devtools(&self, command: &str, params: &Value) -> Value {
        self.post("/goog/cdp/execute", &json!({ "cmd": command, "params": params }))
    }

    pub fn open(&self, url: &str) {
        self.post("/url", &json!({ "url": url }));
    }

    /// The tab that is driven.
    #[must_use]
    pub fn tab(&self) -> String {
        self.get("/window").as_str().expect("a handle").to_owned()
    }

    /// Opens another tab, which shares the cookies; it is not driven before [`switch`](Self::switch).
    #[must_use]
    pub fn new_tab(&self) -> String {
        let tab = self.post("/window/new", &json!({ "type": "tab" }));
        tab["handle"].as_str().expect("a handle").to_owned()
    }

    pub fn switch(&self, tab: &str) {
        self.post("/window", &json!({ "handle": tab }));
    }

    pub fn allow_clipboard(&self, origin: &str) {
        let permissions = ["clipboardReadWrite", "clipboardSanitizedWrite"];
        self.devtools("Browser.grantPermissions", &json!({ "origin": origin, "permissions": permissions }));
    }

    /// Keeps what is downloaded in a folder, which is empty at first.
    pub fn download_to(&self, folder: &Path) {
        let _ = std::fs::remove_dir_all(folder);
        std::fs::create_dir_all(folder).expect("a folder");
        self.devtools("Browser.setDownloadBehavior", &json!({ "behavior": "allow", "downloadPath": folder }));
    }

    /// Runs a function body in the page and returns what it returns.
    pub fn script(&self, body: &str) -> Value {
        self.post("/execute/sync", &json!({ "script": body, "args": [] }))
    }

    fn find(&self, css: &str) -> String {
        let found =
            self.wait(css, || self.try_post("/element", &json!({ "using": "css selector", "value": css })).ok());
        found[ELEMENT].as_str().expect("an element").to_owned()
    }

    /// Asks again until there is an answer.
    pub fn wait<T>(&self, what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
        let start = Instant::now();
        loop {
            if let Some(answer) = ask() {
                return answer;
            }
            if start.elapsed() > PATIENCE {
                self.screenshot("failed");
                panic!("waited in vain for {what}; the page says: {}", self.text("body"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until something is shown whose text contains `text`.
    pub fn shows(&self, css: &str, text: &str) {
        self.wait(&format!("{text:?} in {css}"), || {
            (self.is_shown(css) && self.text(css).contains(text)).then_some(())
        });
    }

    #[must_use]
    pub fn is_shown(&self, css: &str) -> bool {
        let script = "const e = document.querySelector(arguments[0]); return !!e && e.checkVisibility();";
        self.post("/execute/sync", &json!({ "script": script, "args": [css] })) == true
    }

    /// The text a person sees.
    #[must_use]
    pub fn text(&self, css: &str) -> String {
        let script = "return document.querySelector(arguments[0])?.innerText ?? '';";
        let text = self.post("/execute/sync", &json!({ "script": script, "args": [css] }));
        text.as_str().unwrap_or_default().to_owned()
    }

    #[must_use]
    pub fn count(&self, css: &str) -> usize {
        let script = "return document.querySelectorAll(arguments[0]).length;";
        let count = self.post("/execute/sync", &json!({ "script": script, "args": [css] }));
        count.as_u64().and_then(|n| n.try_into().ok()).expect("a number")
    }

    /// Clicks as a person does: what is hidden or covered cannot be clicked.
    pub fn click(&self, css: &str) {
        self.wait(&format!("a click on {css}"), || {
            self.try_post(&format!("/element/{}/click", self.find(css)), &json!({})).ok()
        });
    }

    /// Puts text into a field.
    pub fn fill(&self, css: &str, text: &str) {
        let path = self.wait(&format!("the field {css}"), || {
            let path = format!("/element/{}", self.find(css));
            self.try_post(&format!("{path}/clear"), &json!({})).ok().map(|_| path)
        });
        self.post(&format!("{path}/value"), &json!({ "text": text }));
    }

    /// Types on the keyboard, wherever the focus is.
    pub fn keys(&self, text: &str) {
        let press = |key: char| {
            [
                json!({ "type": "keyDown", "value": key.to_string() }),
                json!({ "type": "keyUp", "value": key.to_string() }),
            ]
        };
        let actions: Vec<Value> = text.chars().flat_map(press).collect();
        self.post("/actions", &json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": actions }] }));
    }

    /// What the focus is on, by its id or its text.
    #[must_use]
    pub fn focus(&self) -> String {
        let focus = self.script("const e = document.activeElement; return e.id || e.textContent.trim();");
        focus.as_str().unwrap_or_default().to_owned()
    }

    /// Whether one can see where the focus is.
    #[must_use]
    pub fn shows_focus(&self) -> bool {
        let script = "const s = getComputedStyle(document.activeElement);
            return s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2;";
        self.script(script) == true
    }

    pub fn phone(&self, width: u32, height: u32) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 2, "mobile": true });
        self.devtools("Emulation.setDeviceMetricsOverride", &metrics);
        self.devtools("Emulation.setTouchEmulationEnabled", &json!({ "enabled": true }));
    }

    pub fn desktop(&self) {
        self.devtools("Emulation.clearDeviceMetricsOverride", &json!({}));
        self.devtools("Emulation.setTouchEmulationEnabled", &json!({ "enabled": false }));
    }

    pub fn dark(&self, on: bool) {
        let value = if on { "dark" } else { "light" };
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": value }] });
        self.devtools("Emulation.setEmulatedMedia", &features);
    }

    /// Takes a cookie away, as time does.
    pub fn forget_cookie(&self, name: &str, origin: &str) {
        self.devtools("Network.deleteCookies", &json!({ "name": name, "url": origin }));
    }

    /// Shows the page as it is printed.
    pub fn print(&self, on: bool) {
        let media = if on { "print" } else { "" };
        self.devtools("Emulation.setEmulatedMedia", &json!({ "media": media }));
    }

    /// How far the page reaches beyond the right edge, in pixels.
    #[must_use]
    pub fn overflow(&self) -> i64 {
        let script = "return document.documentElement.scrollWidth - document.documentElement.clientWidth;";
        self.script(script).as_i64().expect("a number")
    }

    /// Keeps a picture of the whole page under `target/browser/`.
    pub fn screenshot(&self, name: &str) {
        let shot = self.devtools("Page.captureScreenshot", &json!({ "captureBeyondViewport": true, "format": "png" }));
        let folder = root().join("target/browser");
        std::fs::create_dir_all(&folder).expect("a folder");
        let data = shot["data"].as_str().expect("a picture");
        let png = base64::engine::general_purpose::STANDARD.decode(data).expect("base 64");
        std::fs::write(folder.join(format!("{name}.png")), png).expect("a file");
    }

    /// Reads the QR code on a picture that was kept; `None` where no reader is installed.
    #[must_use]
    pub fn scan(&self, name: &str) -> Option<String> {
        if !tools::installed(&["zbarimg"]) {
            return None;
        }
        let picture = root().join(format!("target/browser/{name}.png"));
        let read = tools::run("zbarimg", &["--quiet", "--raw", "--nodbus", picture.to_str()?], b"");
        Some(String::from_utf8(read).expect("text"))
    }

    /// What the page was not allowed to do by its own policy, and what went wrong in its scripts.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        let violations = self.script("return window.violations;");
        let violations = violations.as_array().expect("a list").iter().map(Value::to_string);
        let log = self.post("/se/log", &json!({ "type": "browser" }));
        let said =
            log.as_array().expect("a list").iter().filter_map(|line| line["message"].as_str()).map(str::to_owned);
        // A refusal is an answer like any other here; the browser notes each.
        violations.chain(said.filter(|line| !line.contains("Failed to load resource"))).collect()
    }
}

/// What an answer of the driver holds, or what it says against the command.
fn value(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Value, String> {
    let mut answer = answer.map_err(|e| e.to_string())?;
    let status = answer.status();
    let mut answer: Value = answer.body_mut().read_json().map_err(|e| e.to_string())?;
    if status.is_success() { Ok(answer["value"].take()) } else { Err(answer["value"]["message"].to_string()) }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.agent.delete(&self.base).call();
    }
}
