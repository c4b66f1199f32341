//! What the program knows of one request, in 64 bits.

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

/// The worker that may take a climber: 0 stands for any worker, else its number.
pub type Owner = u16;

/// The largest number of a worker.
pub const MAX_OWNER: u32 = (1 << 12) - 1;

/// One request's history, in short.
///
/// Packed, from bit 0 on:
///
/// - 3 bits: the state
/// - 1 bit: set if a producer knows it accepted
/// - 12 bits: the owner
/// - 16 bits: the progress
/// - 32 bits: the ticket + 1, or 0 while no thread knows it
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    pub state: State,
    pub accepted: bool,
    pub owner: Owner,
    pub progress: u16,
    pub ticket: Option<u32>,
}

impl Record {
    pub fn unpack(bits: u64) -> Self {
        Self {
            state: State::ALL[(bits & 7) as usize],
            accepted: bits & 8 != 0,
            owner: (bits >> 4) as u16 & MAX_OWNER as u16,
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

    /// Returns the record in state `to`, or an error if its state is not `from`.
    pub fn moved(self, from: State, to: State) -> Result<Self, String> {
        if self.state == from {
            Ok(Self { state: to, ..self })
        } else {
            Err(format!("goes from {from:?} to {to:?}, but is {:?}", self.state))
        }
    }

    /// Returns the record with this ticket, or an error if another one is known.
    pub fn with_ticket(self, ticket: u64) -> Result<Self, String> {
        let consistent = self.ticket.is_none_or(|known| u64::from(known) == ticket);
        if consistent && ticket < u64::from(u32::MAX) {
            Ok(Self { ticket: Some(ticket as u32), ..self })
        } else {
            Err(format!("has ticket {ticket}, but {:?} is known", self.ticket))
        }
    }
}
