use std::collections::HashMap;
use std::fmt;

use http::Method;

use super::path::{PathTrick, check, decoded};
use super::pattern;
use super::rule::Rule;
use crate::error::ConfigError;

/// Which rule, by its place in the list, stands at which address.
///
/// The trie is axum's own (`matchit`), so that what a pattern fits is what a route with that pattern
/// serves. The most specific pattern decides alone: a method it does not name is not looked for in a
/// wider one, as a router answers `405` there.
pub(super) struct Table {
    trie: matchit::Router<Methods>,
}

#[derive(Default)]
struct Methods {
    named: Vec<(Method, usize)>,
    any: Option<usize>,
}

impl Methods {
    fn rule(&self, method: &Method) -> Option<usize> {
        let named = self.named.iter().find(|(named, _)| named == method).map(|(_, rule)| *rule);
        // CORS answers OPTIONS before anybody is asked who he is; so it is named or denied.
        named.or(if method == Method::OPTIONS { None } else { self.any })
    }

    /// Takes a rule in; a refusal names the place of the one that stands there.
    fn add(&mut self, rule: &Rule, at: usize) -> Result<(), usize> {
        let Some(methods) = rule.methods() else {
            return self.any.replace(at).map_or(Ok(()), Err);
        };
        // HEAD follows GET, and stands nowhere by itself.
        for method in methods.iter().filter(|method| **method != Method::HEAD) {
            if let Some((_, first)) = self.named.iter().find(|(named, _)| named == method) {
                return Err(*first);
            }
            self.named.push((method.clone(), at));
        }
        Ok(())
    }
}

impl Table {
    pub(super) fn build(rules: &[Rule]) -> Result<Self, ConfigError> {
        let mut patterns: Vec<(&Rule, Methods)> = Vec::with_capacity(rules.len());
        let mut places: HashMap<String, usize> = HashMap::with_capacity(rules.len());
        for (at, rule) in rules.iter().enumerate() {
            let shape = pattern::read(rule.pattern()).map_err(|broken| rule.error(broken))?.shape;
            let place = *places.entry(shape).or_insert(patterns.len());
            if place == patterns.len() {
                patterns.push((rule, Methods::default()));
            }
            // It is there; a rule that were left out would leave its address without one, and denied.
            let Some((_, methods)) = patterns.get_mut(place) else { continue };
            methods.add(rule, at).map_err(|first| unreachable(rule, rules.get(first)))?;
        }
        let mut trie = matchit::Router::new();
        for (rule, methods) in patterns {
            trie.insert(rule.pattern(), methods).map_err(|error| conflict(rule, &error))?;
        }
        Ok(Self { trie })
    }

    /// Finds the rule for a method and a path that has no trick in it.
    fn rule(&self, method: &Method, path: &str) -> Option<usize> {
        let method = if method == Method::HEAD { &Method::GET } else { method };
        self.trie.at(path).ok()?.value.rule(method)
    }

    /// Finds the rule, and the trick that makes it doubtful.
    pub(super) fn find(&self, method: &Method, path: &str) -> (Option<usize>, Option<PathTrick>) {
        let rule = self.rule(method, path);
        let trick = check(path).and_then(|()| decoded(path)).map_or_else(Some, |decoded| {
            let other = decoded.is_some_and(|decoded| {
                // Who decodes and then takes it for a whole URI ends the path at a `?` or `#` (CVE-2024-38474).
                let cut = decoded.split(['?', '#']).next().unwrap_or_default();
                [&*decoded, cut].into_iter().any(|read| self.rule(method, read) != rule)
            });
            other.then_some(PathTrick::Ambiguous)
        });
        (rule, trick)
    }
}

fn unreachable(rule: &Rule, first: Option<&Rule>) -> ConfigError {
    let first = first.map_or("", Rule::name);
    rule.error(&format!("is never asked: rule \"{first}\" has the same method and pattern; leave one of them out"))
}

fn conflict(rule: &Rule, error: &matchit::InsertError) -> ConfigError {
    match error {
        matchit::InsertError::Conflict { with } => rule.error(&format!(
            "cannot stand beside the pattern {with}, in a router neither: where one has {{name}}, the other has \
             {{*rest}}; write {{name}}/{{*rest}} instead"
        )),
        other => rule.error(&other.to_string()),
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").finish_non_exhaustive()
    }
}
