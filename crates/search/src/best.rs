//! The best `k` of many scores: a heap with the worst of them at its root, so that one comparison turns most rows away.

/// A row that was found.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
#[repr(C)]
pub struct Match {
    /// Its number, from 0.
    pub row: u32,
    /// Its dot product with the query.
    pub score: f32,
}

impl Match {
    /// Whether this one is better: a larger score, or the same and a lower row.
    fn beats(self, other: Self) -> bool {
        self.score > other.score || (self.score == other.score && self.row < other.row)
    }
}

/// The best so far, in memory of the caller's: as many as fit in it.
pub struct Best<'a> {
    heap: &'a mut [Match],
    len: usize,
}

impl<'a> Best<'a> {
    /// Continues a search whose `heap` holds `len` matches already; 0 to start one.
    pub fn new(heap: &'a mut [Match], len: usize) -> Self {
        Self { heap, len }
    }

    /// Offers the scores of the rows from `first` on: those that reach the threshold and, if there is a `mask`, have something
    /// other than 0 in it. A NaN reaches no threshold. Returns how many matches are held then.
    pub fn offer(&mut self, scores: &[f32], first: u32, mask: Option<&[u8]>, threshold: f32) -> usize {
        for (i, &score) in scores.iter().enumerate() {
            if score >= threshold && mask.is_none_or(|mask| mask.get(i).is_some_and(|&keep| keep != 0)) {
                self.insert(Match { row: first.wrapping_add(i as u32), score });
            }
        }
        self.len
    }

    /// Puts the best first; returns how many there are.
    pub fn sort(mut self) -> usize {
        let found = self.len;
        while self.len > 1 {
            self.len -= 1;
            self.heap.swap(0, self.len);
            self.sink();
        }
        found
    }

    fn insert(&mut self, new: Match) {
        if self.len < self.heap.len() {
            self.heap[self.len] = new;
            self.len += 1;
            self.rise(self.len - 1);
        } else if self.heap.first().is_some_and(|worst| new.beats(*worst)) {
            self.heap[0] = new;
            self.sink();
        }
    }

    /// Moves the entry at `child` toward the root while it is worse than its parent.
    fn rise(&mut self, mut child: usize) {
        while child > 0 {
            let parent = (child - 1) / 2;
            if !self.heap[parent].beats(self.heap[child]) {
                return;
            }
            self.heap.swap(parent, child);
            child = parent;
        }
    }

    /// Moves the root away from it while it is better than a child.
    fn sink(&mut self) {
        let (mut parent, len) = (0, self.len);
        loop {
            let (left, right) = (2 * parent + 1, 2 * parent + 2);
            let mut worst = parent;
            for child in [left, right] {
                if child < len && self.heap[worst].beats(self.heap[child]) {
                    worst = child;
                }
            }
            if worst == parent {
                return;
            }
            self.heap.swap(parent, worst);
            parent = worst;
        }
    }
}
