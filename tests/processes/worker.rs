//! A process of its own: this test program once more, which does what it is told, a line at a time.

use std::io::{BufRead as _, BufReader, Write as _};
use std::pin::pin;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use tokio::task::JoinSet;
use tower_mfa::account::Refusal;
use tower_mfa::secret::SecretString;
use tower_mfa::service::{AnswerOutcome, Error, Mfa, Responder, Tokens};
use tower_mfa::testing::ManualClock;

use super::engine::{self, Engine};
use super::gated::Gate;
use super::job::{Job, Outcome, Reply, Report, What};

/// What its lines begin with; those of the test runner do not.
const MARK: &str = "worker: ";
/// What it says when a commit is held up, and what lets that go on.
const HELD_UP: &str = "held up";
const GO_ON: &str = "go on";

/// A process at work. It is killed when it is dropped.
pub(crate) struct Worker {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    /// What was heard already.
    said: Option<String>,
}

impl Worker {
    /// Starts one, and waits until it has opened the store.
    pub(crate) fn start(engine: &Engine) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "worker::work", "--ignored", "--nocapture"])
            .env("PROCESSES_STORE", &engine.url)
            .env("PROCESSES_KEYS", engine.keys())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (to, from) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut worker = Self { child, to, from, said: None };
        assert_eq!(worker.hear().as_deref(), Some("ready"));
        worker
    }

    pub(crate) fn tell(&mut self, job: &Job) {
        writeln!(self.to, "{}", job.write()).unwrap();
        self.to.flush().unwrap();
    }

    /// Waits until a commit is held up; `false` if there was none, and it has nothing to say but its report.
    pub(crate) fn is_held_up(&mut self) -> bool {
        let said = self.hear().unwrap();
        let is_held_up = said == HELD_UP;
        if !is_held_up {
            self.said = Some(said);
        }
        is_held_up
    }

    pub(crate) fn go_on(&mut self) {
        writeln!(self.to, "{GO_ON}").unwrap();
        self.to.flush().unwrap();
    }

    /// What became of the job; `None` if the process is gone.
    pub(crate) fn report(&mut self) -> Option<Report> {
        self.said.take().or_else(|| self.hear()).map(|line| serde_json::from_str(&line).unwrap())
    }

    fn hear(&mut self) -> Option<String> {
        loop {
            let mut line = String::new();
            if self.from.read_line(&mut line).unwrap_or(0) == 0 {
                return None;
            }
            // A process that is killed in the middle of a line has not said it.
            if let Some(said) = line.strip_prefix(MARK) {
                return said.strip_suffix('\n').map(str::to_owned);
            }
        }
    }

    /// As the kernel does it to whoever takes too much memory: at once, and with no last word.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
#[ignore = "a part of the other tests"]
fn work() {
    let (Ok(store), Ok(keys)) = (std::env::var("PROCESSES_STORE"), std::env::var("PROCESSES_KEYS")) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let (clock, (gate, mut waits)) = (ManualClock::at(0), Gate::new());
        let service = engine::open(&store, &keys, &clock, &gate).await;
        let mut lines = std::io::stdin().lines().map(Result::unwrap);
        say("ready");
        while let Some(line) = lines.next() {
            let job = Job::read(&line);
            clock.advance(job.at - clock.time().as_secs());
            gate.hold_up_next(job.stop);
            let mut tries = JoinSet::new();
            for what in (0..job.tasks).zip(job.whats.iter().cycle()).map(|(_, what)| what.clone()) {
                tries.spawn(attempt(service.mfa.clone(), what));
            }
            let mut tried = pin!(tries.join_all());
            let outcomes = loop {
                tokio::select! {
                    outcomes = &mut tried => break outcomes,
                    // The tries run on threads of their own: this one may wait for a line.
                    Some(go) = waits.recv() => {
                        say(HELD_UP);
                        assert_eq!(lines.next().as_deref(), Some(GO_ON));
                        go.send(()).unwrap();
                    }
                }
            };
            let report = Report { outcomes, conflicts: gate.take_conflicts() };
            say(&serde_json::to_string(&report).unwrap());
        }
    });
}

fn say(what: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n{MARK}{what}").unwrap();
    out.flush().unwrap();
}

async fn attempt(mfa: Mfa, what: What) -> Outcome {
    let tokens = match what {
        What::Refresh { token } => mfa.refresh(&SecretString::new(token)).await,
        What::Answer { token, challenge, reply } => {
            let reply = match reply {
                Reply::Totp(code) => tower_mfa::service::Reply::totp(code),
                Reply::Recovery(code) => tower_mfa::service::Reply::recovery_code(code),
                Reply::WebAuthn(credential) => tower_mfa::service::Reply::webauthn(credential),
            };
            let (token, id) = (SecretString::new(token), challenge.parse().unwrap());
            mfa.answer(Responder::Token(&token), id, reply).await.map(|outcome| match outcome {
                AnswerOutcome::Complete(answer) => answer.tokens,
                other => panic!("{other:?}"),
            })
        }
    };
    outcome(tokens)
}

fn outcome(tokens: Result<Tokens, Error>) -> Outcome {
    match tokens {
        Ok(tokens) => Outcome {
            said: "complete".to_owned(),
            refresh_token: tokens.refresh_token().map(|token| token.expose().to_owned()),
            wait: None,
        },
        Err(error) => {
            let wait = match error.refusal() {
                Refusal::Throttled { retry_after } => Some(*retry_after),
                _ => None,
            };
            Outcome { said: name(error.refusal()).to_owned(), refresh_token: None, wait }
        }
    }
}

fn name(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::InvalidCode { .. } => "invalid code",
        Refusal::InvalidCredential => "invalid credential",
        Refusal::InvalidToken => "invalid token",
        Refusal::ChallengeGone => "gone",
        Refusal::Throttled { .. } => "throttled",
        Refusal::Unavailable { .. } => "unavailable",
        other => panic!("{other:?}"),
    }
}
