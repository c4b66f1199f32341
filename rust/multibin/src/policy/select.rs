//! Which batch leaves: the rules, in order.

use super::bins::Bins;
use super::former::{Formed, Former, View};
use super::load::Load;
use super::min_tree::MinTree;
use super::waiting::{BinQueue, Entry, Head, Owner};
use crate::config::{Fill, Order};
use crate::request::Reason;
use crate::request::WorkerId;

/// The candidates of the rules.
pub(super) struct Survey {
    oldest: Candidate,
    /// Each queue of a bin may lead.
    overdue: Candidate<(usize, Owner)>,
    full: Candidate,
}

impl Survey {
    /// Whether rule 2 or 3 finds a leader.
    pub(super) fn leads(&self) -> bool {
        self.overdue.at.is_some() || self.full.at.is_some()
    }
}

/// What has the least key so far: a bin, or one of its queues.
#[derive(Clone, Copy)]
pub(super) struct Candidate<T = usize> {
    key: u64,
    at: Option<T>,
}

impl<T> Candidate<T> {
    const NONE: Self = Self { key: u64::MAX, at: None };

    #[inline]
    fn offer(&mut self, key: u64, at: T) {
        if key < self.key {
            *self = Self { key, at: Some(at) };
        }
    }
}

impl Candidate {
    fn of(least: &MinTree) -> Self {
        Self { key: least.key(), at: least.at() }
    }
}

impl Former {
    /// When the first request that `worker` may take becomes overdue by `max_wait`, or expires.
    pub(crate) fn deadline(&self, worker: WorkerId) -> Option<u64> {
        self.earliest(&self.climbers(Some(worker)))
    }

    /// When the first request that anybody may take becomes overdue by `max_wait`, or expires.
    pub(crate) fn shared_deadline(&self) -> Option<u64> {
        self.earliest(&[None, Some(&self.anyones)])
    }

    /// When the first climber that `worker` alone may take becomes overdue by `max_wait`.
    pub(crate) fn own_deadline(&self, worker: WorkerId) -> Option<u64> {
        self.overdue_from(self.own.get(&worker)?.first_entered())
    }

    /// Of those who have not started and these climbers.
    fn earliest(&self, climbers: &[Option<&Bins>; 2]) -> Option<u64> {
        let entered = climbers.iter().flatten().map(|bins| bins.first_entered());
        let overdue = self.overdue_from(entered.fold(self.heads.entered.key(), u64::min));
        [overdue, self.next_expiry()].into_iter().flatten().min()
    }

    /// When who `entered` a queue then becomes overdue by `max_wait`; `u64::MAX`: nobody did.
    fn overdue_from(&self, entered: u64) -> Option<u64> {
        let max_wait = self.rules.max_wait.filter(|_| entered != u64::MAX)?;
        Some(entered.saturating_add(max_wait))
    }

    /// The next batch for `worker`, if one may leave now. `closed`: nothing more will arrive. At
    /// most `starts` of its rows have not started. A request never leaves after its deadline: while
    /// more have expired than are taken out at once, a batch only reports those that were.
    pub(crate) fn form(
        &mut self,
        now: u64,
        worker: WorkerId,
        closed: bool,
        starts: usize,
    ) -> Option<Formed> {
        self.expire(now);
        let everything = View { worker: Some(worker), starts };
        let leads = self.available(everything) > 0 && self.past_deadline(now).is_none();
        let formed = if leads { self.lead(now, everything, closed) } else { None };
        let expired = self.take_unreported();
        if let Some(formed) = formed {
            self.taken += formed.rows.len() as u64;
            self.places.forget_all(&formed.rows);
            self.anew &= self.fresh.waiting > 0;
            return Some(Formed { expired, ..formed });
        }
        let nothing = Formed::new(Vec::new(), None, 0, Reason::Expired);
        (!expired.is_empty()).then_some(Formed { expired, ..nothing })
    }

    /// How many wait that a batch could have.
    pub(super) fn available(&self, view: View) -> usize {
        self.fresh.waiting.min(view.starts) + self.climbing(view.worker)
    }

    /// The rules, in order.
    fn lead(&mut self, now: u64, everything: View, closed: bool) -> Option<Formed> {
        let elastic = self.rules.fill == Fill::Elastic;
        let view = self.bounded(now, everything, closed);
        let light_load = elastic && !closed && self.rules.light_load(self.waiting(view.worker));
        if light_load && (view.starts == everything.starts || !self.start_overdue(now)) {
            return Some(self.light_load(now, view));
        }
        self.refresh();
        let mut survey = self.survey(now, everything, None);
        // A closed strict scheduler lets full bins go first; everything leaves anyway.
        if let Some((bin, queue)) = survey.overdue.at.filter(|_| elastic || !closed) {
            return Some(self.gather(Some(queue), view, bin, Reason::Overdue));
        }
        if view.starts != everything.starts {
            survey = self.survey(now, view, None);
        }
        if let Some(bin) = survey.full.at {
            return Some(self.gather(None, view, bin, Reason::Full));
        }
        let reason = if closed { Reason::Drain } else { Reason::Elastic };
        let oldest = survey.oldest.at.filter(|_| elastic || closed);
        oldest.map(|bin| self.gather(None, view, bin, reason))
    }

    /// Whether a request that has not started is overdue: with `max_parked` climbers rule 1 would take
    /// others for as long as these climb.
    fn start_overdue(&mut self, now: u64) -> bool {
        self.refresh();
        self.overdue(now).at.is_some()
    }

    /// With `max_parked` climbers no request starts while climbers may go on: strict, while they hold a
    /// batch.
    fn bounded(&self, now: u64, everything: View, closed: bool) -> View {
        let full = self.rules.max_parked.is_some_and(|most| self.parked >= most);
        let climbers = View { starts: 0, ..everything };
        if !full || self.available(climbers) == 0 {
            return everything;
        }
        if self.leads_anyway(closed) || self.survey(now, climbers, None).leads() {
            return climbers;
        }
        everything
    }

    /// `whose`: only of the bins in which climbers of that worker wait.
    pub(super) fn survey(&self, now: u64, view: View, whose: Option<WorkerId>) -> Survey {
        if self.climbing(view.worker) > 0 {
            return self.survey_all(now, view, whose);
        }
        let full = view.starts >= self.rules.largest as usize;
        Survey {
            oldest: Candidate::of(&self.heads.oldest),
            overdue: self.overdue(now),
            full: if full { Candidate::of(&self.heads.full) } else { Candidate::NONE },
        }
    }

    /// The oldest of the overdue heads of those who have not started.
    fn overdue(&self, now: u64) -> Candidate<(usize, Owner)> {
        let mut overdue = Candidate::NONE;
        if self.any_overdue(now) {
            for (bin, queue) in self.fresh.occupied() {
                if self.is_overdue(&queue.head, now) {
                    overdue.offer(queue.head.ticket, (bin, Owner::Fresh));
                }
            }
        }
        overdue
    }

    /// Whether any of those who have not started is overdue.
    fn any_overdue(&self, now: u64) -> bool {
        let (due, entered) = (self.heads.due.key(), self.heads.entered.key());
        self.rules.overdue(self.taken, due, entered, now)
    }

    /// With climbers a bin's head and what waits in it differ from worker to worker: all bins are
    /// looked at in which something waits.
    fn survey_all(&self, now: u64, view: View, whose: Option<WorkerId>) -> Survey {
        let [oldest, full] = [Candidate::NONE; 2];
        let mut survey = Survey { oldest, overdue: Candidate::NONE, full };
        let sources = self.sources(view);
        let starts = u32::try_from(view.starts).unwrap_or(u32::MAX);
        let whose = whose.map(|worker| [self.own.get(&worker), None, None]);
        let asked = whose.unwrap_or(sources);
        let mut next = at_least(&asked, 0);
        while let Some(bin) = next {
            next = at_least(&asked, bin + 1);
            let (head, waiting) = head(&sources, bin, starts);
            survey.oldest.offer(head.rank, bin);
            for bins in sources.into_iter().flatten() {
                let head = &bins.queues[bin].head;
                if self.is_overdue(head, now) {
                    survey.overdue.offer(head.ticket, (bin, bins.owner));
                }
            }
            if waiting > 0
                && let Some(formed) = self.formed(&sources, bin, waiting)
            {
                survey.full.offer(self.rules.place(bin, formed, head.rank), bin);
            }
        }
        survey
    }

    #[inline]
    fn is_overdue(&self, head: &Head, now: u64) -> bool {
        head.entered != u64::MAX && self.rules.overdue(self.taken, head.due, head.entered, now)
    }

    /// `order` of the entry that completes a batch of `bin`, `waiting` of whose could be in one;
    /// 0 where that decides nothing.
    fn formed(&self, sources: &[Option<&Bins>; 3], bin: usize, waiting: u32) -> Option<u64> {
        let full = self.full(bin);
        let left = sources.iter().flatten().filter(|bins| bins.is_left(bin));
        if let Some(first) = left.map(|bins| bins.queues[bin].head.place).min() {
            return Some(first);
        }
        let enough = waiting >= full.rows;
        if enough && self.rules.order != Order::Formed {
            return Some(0);
        }
        if !enough && full.budget.is_none() {
            return None;
        }
        let queues = sources.iter().flatten().map(|bins| &bins.queues[bin]);
        let first = |queue: &'_ BinQueue| queue.iter(&self.slab).take(full.rows as usize);
        let entries = queues.flat_map(|queue| first(queue).map(|(_, entry)| entry));
        let mut merged: Vec<&Entry> = entries.collect();
        let place = |entry: &&Entry| (self.rules.rank.place(entry), entry.row.ticket);
        merged.sort_unstable_by_key(place);
        let mut load = Load::EMPTY;
        let completes = |(rows, entry): (u32, &&Entry)| {
            load = load.with(&entry.row);
            (rows == full.rows || !load.fits(full.budget)).then_some(entry.order)
        };
        (1..).zip(&merged).take(waiting as usize).find_map(completes)
    }

    /// The queues that a view shows: the worker's own climbers, anyone's, and who starts; none
    /// where nobody waits.
    pub(super) fn sources(&self, view: View) -> [Option<&Bins>; 3] {
        let [own, anyones] = self.climbers(view.worker);
        [own, anyones, (view.starts > 0).then_some(&self.fresh)]
    }

    /// The worker's own climbers, and anyone's.
    fn climbers(&self, worker: Option<WorkerId>) -> [Option<&Bins>; 2] {
        if self.parked == 0 {
            return [None, None];
        }
        let shown = |bins: &&Bins| bins.waiting > 0;
        let own = worker.and_then(|worker| self.own.get(&worker));
        [own.filter(shown), Some(&self.anyones).filter(shown)]
    }
}

/// The lowest bin from `from` on in which something waits.
fn at_least(sources: &[Option<&Bins>; 3], from: usize) -> Option<usize> {
    sources.iter().flatten().filter_map(|bins| bins.at_least(from)).min()
}

/// The entry of `bin` that entered first, and how many of those there a batch could have.
#[inline]
fn head<'a>(sources: &[Option<&'a Bins>; 3], bin: usize, starts: u32) -> (&'a Head, u32) {
    let (mut first, mut waiting) = (&Head::NONE, 0);
    for (source, most) in sources.iter().zip([u32::MAX, u32::MAX, starts]) {
        let Some(queue) = source.map(|bins| &bins.queues[bin]) else { continue };
        waiting += queue.len.min(most);
        if (queue.head.place, queue.head.ticket) < (first.place, first.ticket) {
            first = &queue.head;
        }
    }
    (first, waiting)
}
