//! What is known of one request, in 64 bits.

/// Where a request is, as far as the threads that act on it know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Not delivered since it last entered a queue.
    Waiting,
    /// In a batch whose lease is open.
    Leased,
    /// The four ends.
    Done,
    Lost,
    Cancelled,
    Expired,
}

impl State {
    const ALL: [Self; 6] =
        [Self::Waiting, Self::Leased, Self::Done, Self::Lost, Self::Cancelled, Self::Expired];
}

/// Who may take it: 0 stands for anybody, else a worker's number.
pub type Owner = u16;

/// The most that a worker's number may be.
pub const OWNERS: u32 = (1 << 12) - 1;

/// From bit 0: 3 of the state, 1 whether a producer knows it accepted, 12 of the owner, 16 of the
/// progress, 32 of the ticket + 1 (0: no thread has learnt it).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word {
    pub state: State,
    pub accepted: bool,
    pub owner: Owner,
    pub progress: u16,
    pub ticket: Option<u32>,
}

impl Word {
    pub fn unpack(bits: u64) -> Self {
        Self {
            state: State::ALL[(bits & 7) as usize],
            accepted: bits & 8 != 0,
            owner: (bits >> 4) as u16 & OWNERS as u16,
            progress: (bits >> 16) as u16,
            ticket: ((bits >> 32) as u32).checked_sub(1),
        }
    }

    pub fn pack(self) -> u64 {
        let ticket = self.ticket.map_or(0, |ticket| u64::from(ticket) + 1);
        self.state as u64
            | u64::from(self.accepted) << 3
            | u64::from(self.owner) << 4
            | u64::from(self.progress) << 16
            | ticket << 32
    }

    /// In `to`, if it was in `from`.
    pub fn moved(self, from: State, to: State) -> Result<Self, String> {
        if self.state == from {
            Ok(Self { state: to, ..self })
        } else {
            Err(format!("is to be {to:?} from {from:?}, but is {:?}", self.state))
        }
    }

    /// With this ticket, if none or the same was known.
    pub fn with_ticket(self, ticket: u64) -> Result<Self, String> {
        let same = self.ticket.is_none_or(|known| u64::from(known) == ticket);
        if same && ticket < u64::from(u32::MAX) {
            Ok(Self { ticket: Some(ticket as u32), ..self })
        } else {
            Err(format!("has ticket {ticket}, but {:?} is known", self.ticket))
        }
    }
}
