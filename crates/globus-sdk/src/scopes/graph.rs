//! The graph of scopes: each name once, with the names it depends on. Nothing here recurses deeper than [`MAX_DEPTH`],
//! whatever the input.

use std::collections::{HashMap, HashSet};

use super::{
    error::{MAX_DEPTH, MAX_SCOPES, ScopeParseError},
    scope::Scope,
    tokens::Token,
};

/// A scope where it stands: which name, and whether it is marked as optional there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Place {
    node: usize,
    optional: bool,
}

#[derive(Debug, Default)]
struct Node<'a> {
    name: &'a str,
    dependencies: Vec<Place>,
    /// Where in `dependencies` a node is.
    known: HashMap<usize, usize>,
}

#[derive(Debug, Default)]
pub(super) struct Graph<'a> {
    nodes: Vec<Node<'a>>,
    by_name: HashMap<&'a str, usize>,
    top: Vec<Place>,
    top_known: HashSet<Place>,
    mentions: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Visit {
    Ahead,
    Open,
    Done,
}

impl<'a> Graph<'a> {
    pub(super) fn from_tokens(tokens: &[Token<'a>]) -> Result<Self, ScopeParseError> {
        let mut graph = Self::default();
        let mut optional = false;
        let mut parents = Vec::new();
        let mut last = None;
        for (at, token) in tokens.iter().enumerate() {
            check_neighbours(*token, tokens.get(at + 1))?;
            match token {
                Token::Optional => optional = true,
                Token::Open => parents.push(last.ok_or(ScopeParseError::BracketWithoutScope)?),
                Token::Close => {
                    parents.pop().ok_or(ScopeParseError::UnmatchedRightBracket)?;
                }
                Token::Name(name) => {
                    last = Some(graph.add(parents.last().copied(), name, optional)?);
                    optional = false;
                }
            }
        }
        if parents.is_empty() { Ok(graph) } else { Err(ScopeParseError::UnclosedBrackets) }
    }

    /// Adds a scope with all its dependencies: at the top, or as a dependency.
    pub(super) fn add_tree(&mut self, parent: Option<usize>, scope: &'a Scope) -> Result<usize, ScopeParseError> {
        let node = self.add(parent, scope.scope_string(), scope.is_optional())?;
        for dependency in scope.dependencies() {
            self.add_tree(Some(node), dependency)?;
        }
        Ok(node)
    }

    fn add(&mut self, parent: Option<usize>, name: &'a str, optional: bool) -> Result<usize, ScopeParseError> {
        self.mentions += 1;
        if self.mentions > MAX_SCOPES {
            return Err(ScopeParseError::TooMany);
        }
        let node = *self.by_name.entry(name).or_insert_with(|| {
            self.nodes.push(Node { name, ..Node::default() });
            self.nodes.len() - 1
        });
        let place = Place { node, optional };
        match parent {
            Some(parent) => self.nodes[parent].add(place),
            None if self.top_known.insert(place) => self.top.push(place),
            None => {}
        }
        Ok(node)
    }

    /// The scopes at the top, with all their dependencies.
    pub(super) fn scopes(&self) -> Result<Vec<Scope>, ScopeParseError> {
        self.check_size(&self.leaves_first()?)?;
        Ok(self.top.iter().map(|place| self.scope(*place)).collect())
    }

    /// All nodes, each after those it depends on. This is the search for cycles too.
    fn leaves_first(&self) -> Result<Vec<usize>, ScopeParseError> {
        let mut visits = vec![Visit::Ahead; self.nodes.len()];
        let mut done = Vec::with_capacity(self.nodes.len());
        // From the end, as the SDK goes through them: of two scopes that need each other the last is named.
        for place in self.top.iter().rev() {
            let mut path = Vec::new();
            self.enter(place.node, &mut visits, &mut path)?;
            while let Some((node, left)) = path.last_mut() {
                if *left == 0 {
                    visits[*node] = Visit::Done;
                    done.push(*node);
                    path.pop();
                } else {
                    *left -= 1;
                    let next = self.nodes[*node].dependencies[*left].node;
                    self.enter(next, &mut visits, &mut path)?;
                }
            }
        }
        Ok(done)
    }

    fn enter(&self, node: usize, visits: &mut [Visit], path: &mut Vec<(usize, usize)>) -> Result<(), ScopeParseError> {
        if visits[node] != Visit::Ahead {
            return Ok(());
        }
        visits[node] = Visit::Open;
        let dependencies = &self.nodes[node].dependencies;
        if let Some(back) = dependencies.iter().find(|place| visits[place.node] == Visit::Open) {
            return Err(ScopeParseError::Cycle(self.nodes[back.node].name.to_owned()));
        }
        path.push((node, dependencies.len()));
        Ok(())
    }

    /// How deep and how many the scopes would be, before any is made.
    fn check_size(&self, leaves_first: &[usize]) -> Result<(), ScopeParseError> {
        let mut sizes = vec![(0_usize, 0_usize); self.nodes.len()];
        for &node in leaves_first {
            let below = self.nodes[node].dependencies.iter().map(|place| sizes[place.node]);
            let (depth, count) =
                below.fold((0, 0_usize), |(depth, count), (d, c)| (depth.max(d), count.saturating_add(c)));
            if depth == MAX_DEPTH {
                return Err(ScopeParseError::TooDeep);
            }
            sizes[node] = (depth + 1, count.saturating_add(1));
        }
        let count = self.top.iter().fold(0_usize, |count, place| count.saturating_add(sizes[place.node].1));
        if count > MAX_SCOPES { Err(ScopeParseError::TooMany) } else { Ok(()) }
    }

    fn scope(&self, place: Place) -> Scope {
        let node = &self.nodes[place.node];
        let dependencies = node.dependencies.iter().map(|place| self.scope(*place)).collect();
        Scope::from_parts(node.name, place.optional, dependencies)
    }
}

impl Node<'_> {
    fn add(&mut self, place: Place) {
        match self.known.get(&place.node) {
            // What is required once is required.
            Some(&at) => self.dependencies[at].optional &= place.optional,
            None => {
                self.known.insert(place.node, self.dependencies.len());
                self.dependencies.push(place);
            }
        }
    }
}

fn check_neighbours(token: Token<'_>, next: Option<&Token<'_>>) -> Result<(), ScopeParseError> {
    match (token, next) {
        (Token::Optional, None) => Err(ScopeParseError::EndedInOptional),
        (Token::Optional, Some(Token::Open | Token::Close | Token::Optional)) => {
            Err(ScopeParseError::OptionalWithoutScope)
        }
        (Token::Open, None) => Err(ScopeParseError::EndedInLeftBracket),
        (Token::Open, Some(Token::Close)) => Err(ScopeParseError::EmptyBrackets),
        (Token::Open, Some(Token::Open)) => Err(ScopeParseError::DoubleLeftBracket),
        _ => Ok(()),
    }
}
