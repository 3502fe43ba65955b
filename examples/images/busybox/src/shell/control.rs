//! Runs commands that have others in them: conditions, loops and choices.

use std::io;

use super::Shell;
use super::run::Flow;
use super::syntax::{Compound, List};
use crate::call::Streams;
use crate::pattern::wildcard;

impl Shell {
    /// Runs a compound command.
    pub fn compound(&mut self, compound: &Compound, streams: &Streams) -> io::Result<Flow> {
        match compound {
            Compound::Group(list) => Ok(self.list(list, streams)),
            Compound::Subshell(list) => {
                self.status = self.subshell(list, streams);
                Ok(Flow::On)
            }
            Compound::If(arms, otherwise) => Ok(self.conditional(arms, otherwise, streams)),
            Compound::Loop { until, condition, body } => Ok(self.repeat(*until, condition, body, streams)),
            Compound::For { name, words, body } => {
                let values = match words {
                    Some(words) => self.fields(words, streams)?,
                    None => self.args.clone(),
                };
                Ok(self.iterate(name, values, body, streams))
            }
            Compound::Case { word, arms } => {
                let subject: Vec<char> = self.text(word, streams)?.chars().collect();
                self.status = 0;
                for (patterns, list) in arms {
                    for pattern in patterns {
                        if wildcard(&self.marked(pattern, streams)?, &subject) {
                            return Ok(self.list(list, streams));
                        }
                    }
                }
                Ok(Flow::On)
            }
        }
    }

    /// Runs a condition: whether it holds, or what else comes.
    fn holds(&mut self, condition: &List, streams: &Streams) -> Result<bool, Flow> {
        self.conditions += 1;
        let flow = self.list(condition, streams);
        self.conditions -= 1;
        if flow == Flow::On { Ok(self.status == 0) } else { Err(flow) }
    }

    fn conditional(&mut self, arms: &[(List, List)], otherwise: &List, streams: &Streams) -> Flow {
        for (condition, body) in arms {
            match self.holds(condition, streams) {
                Ok(true) => return self.list(body, streams),
                Ok(false) => {}
                Err(flow) => return flow,
            }
        }
        self.status = 0;
        self.list(otherwise, streams)
    }

    fn repeat(&mut self, until: bool, condition: &List, body: &List, streams: &Streams) -> Flow {
        let mut code = 0;
        loop {
            match self.holds(condition, streams) {
                Ok(holds) if holds == until => break,
                Ok(_) => {}
                Err(flow) => match turn(flow) {
                    Turn::Next => continue,
                    Turn::Stop => break,
                    Turn::Leave(flow) => return flow,
                },
            }
            let turn = turn(self.list(body, streams));
            code = self.status;
            match turn {
                Turn::Next => {}
                Turn::Stop => break,
                Turn::Leave(flow) => return flow,
            }
        }
        self.status = code;
        Flow::On
    }

    fn iterate(&mut self, name: &str, values: Vec<String>, body: &List, streams: &Streams) -> Flow {
        self.status = 0;
        for value in values {
            self.assign(name, value);
            match turn(self.list(body, streams)) {
                Turn::Next => {}
                Turn::Stop => break,
                Turn::Leave(flow) => return flow,
            }
        }
        Flow::On
    }
}

/// What a loop does next.
enum Turn {
    Next,
    Stop,
    Leave(Flow),
}

fn turn(flow: Flow) -> Turn {
    match flow {
        Flow::On | Flow::Continue(..=1) => Turn::Next,
        Flow::Break(..=1) => Turn::Stop,
        Flow::Break(loops) => Turn::Leave(Flow::Break(loops - 1)),
        Flow::Continue(loops) => Turn::Leave(Flow::Continue(loops - 1)),
        Flow::Exit => Turn::Leave(Flow::Exit),
    }
}
