//! A file that changes while it is in force.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::Method;
use tower_mfa::middleware::route_policy::RoutePolicySource;
use tower_mfa::policy::Policy;
use tower_mfa::service::{FileRoutes, Keys, Mfa, PolicyFile, Reloaded};
use tower_mfa::store::MemoryStore;

/// A folder of one's own, gone when the test is.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tower-mfa-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn saying(minutes: u32) -> String {
    format!(
        "version = 1\n[actions.pay]\nrequire = {{ level = \"aal2\", within = \"{minutes} minutes\" }}\nbind = [\"to\"]\n\
         [[routes]]\nname = \"pay\"\npath = \"/pay\"\nmethods = [\"POST\"]\naction = \"pay\"\n"
    )
}

fn open(path: PathBuf) -> (PolicyFile, FileRoutes, Mfa) {
    let file = PolicyFile::open(path, Policy::builder()).unwrap();
    let mfa = Mfa::builder(MemoryStore::new()).issuer("https://id.example").audience("api");
    let mfa = mfa.keys(Keys::generate().unwrap()).policy_source(file.policies()).build().unwrap();
    let routes = file.routes(&mfa);
    (file, routes, mfa)
}

fn asked(routes: &FileRoutes) -> String {
    routes.current().find(&Method::POST, "/pay").rule().unwrap().to_string()
}

#[test]
fn a_change_is_in_force_as_a_whole_and_a_slip_changes_nothing() {
    let folder = Folder::new("change");
    let path = folder.write("policy.toml", &saying(5));
    let (file, routes, _mfa) = open(path);
    assert_eq!(file.reload().unwrap(), Reloaded::Unchanged);
    assert!(asked(&routes).contains("at most 5 minutes old"));

    folder.write("policy.toml", &saying(1));
    assert_eq!(file.reload().unwrap(), Reloaded::Changed);
    assert!(asked(&routes).contains("at most 1 minute old"));
    assert_eq!(file.policy().action("pay").unwrap().max_age(), Some(60), "the two go together");

    for slip in ["", "version = 1\n[[routes]]\nname = \"pay\"", &saying(1).replace("aal2", "aal9")] {
        folder.write("policy.toml", slip);
        let refused = file.reload().unwrap_err();
        assert!(refused.document().is_some() && refused.to_string().contains("policy.toml: "), "{refused}");
        assert_eq!(file.reload().unwrap_err().to_string(), refused.to_string(), "whoever asks again hears it again");
        assert!(asked(&routes).contains("at most 1 minute old"));
    }
    folder.write("policy.toml", &saying(1));
    file.reload().unwrap();
    assert_eq!(file.reload().unwrap(), Reloaded::Unchanged, "it is right again");
    fs::remove_file(folder.0.join("policy.toml")).unwrap();
    let gone = file.reload().unwrap_err();
    assert!(gone.document().is_none(), "{gone}");
    assert!(asked(&routes).contains("at most 1 minute old"));
}

/// What was written last is in force when its reload is done, whoever else is reloading.
#[test]
fn an_older_text_never_comes_after_a_newer_one() {
    let folder = Folder::new("race");
    let (file, routes, _mfa) = open(folder.write("policy.toml", &saying(5)));
    for round in 0..30 {
        folder.write("policy.toml", &saying(7));
        std::thread::scope(|threads| {
            for _ in 0..6 {
                // It may meet a file that is half written.
                threads.spawn(|| drop(file.reload()));
            }
            std::thread::yield_now();
            folder.write("policy.toml", &saying(9));
            file.reload().unwrap();
        });
        assert!(asked(&routes).contains("at most 9 minutes old"), "round {round}");
    }
}

#[test]
fn a_name_that_ends_with_json_is_json() {
    let folder = Folder::new("json");
    let path = folder.write("policy.json", r#"{"version":1,"actions":{"pay":{"require":"aal2"}}}"#);
    let (file, ..) = open(path);
    assert!(file.policy().action("pay").is_some());
}

#[tokio::test]
async fn whoever_watches_hears_of_changes_and_slips_once() {
    let folder = Folder::new("watch");
    let path = folder.write("policy.toml", &saying(5));
    let (file, routes, _mfa) = open(path);
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hear = {
        let heard = Arc::clone(&heard);
        move |outcome: &Result<Reloaded, _>| heard.lock().unwrap().push(outcome.is_ok())
    };
    let watching = tokio::spawn(file.watch(Duration::from_millis(5), hear));
    let until = async |count: usize| {
        while heard.lock().unwrap().len() < count {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    folder.write("policy.toml", &saying(1));
    until(1).await;
    assert!(asked(&routes).contains("at most 1 minute old"));
    folder.write("policy.toml", "version = 1\n[[routes]]");
    until(2).await;
    folder.write("policy.toml", &saying(2));
    until(3).await;
    assert!(asked(&routes).contains("at most 2 minutes old"));
    assert_eq!(*heard.lock().unwrap(), [true, false, true]);
    watching.abort();
}

/// One that is being written is not taken half: the clock of the test is turned, so no tick is missed.
#[tokio::test(start_paused = true)]
async fn a_file_is_taken_once_it_says_the_same_twice() {
    let folder = Folder::new("twice");
    let (file, routes, _mfa) = open(folder.write("policy.toml", &saying(5)));
    let (tell, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let hour = Duration::from_secs(3_600);
    let watching = tokio::spawn(file.watch(hour, move |outcome| tell.send(outcome.is_ok()).unwrap()));
    let start = tokio::time::Instant::now();
    let at = async |hours: u32| tokio::time::sleep_until(start + hour * hours + hour / 2).await;
    for minutes in 1..4_u32 {
        folder.write("policy.toml", &saying(minutes));
        at(minutes).await;
        assert!(asked(&routes).contains("at most 5 minutes old"), "it was another one an hour ago");
    }
    assert!(heard.recv().await.unwrap());
    assert!(asked(&routes).contains("at most 3 minutes old"));
    assert_eq!(start.elapsed(), hour * 4);
    watching.abort();
}

#[test]
fn the_file_and_its_mfa_do_not_keep_each_other_alive() {
    let folder = Folder::new("alive");
    let path = folder.write("policy.toml", &saying(5));
    let (file, routes, mfa) = open(path);
    let verifier = Arc::downgrade(&mfa.verifier());
    drop((file, routes, mfa));
    assert!(verifier.upgrade().is_none());
}
