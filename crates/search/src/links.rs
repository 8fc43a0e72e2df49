//! Links between rows, of which as many are kept as hold the groups together.
//!
//! There may be as many links as pairs. What decides the groups, and how strong the weakest link is that each of them needs, is
//! a maximum spanning forest: less than one link a row. So links are collected, and whenever the memory is full, reduced to
//! the forest of what there is (Kruskal's algorithm), which loses nothing: a link that is not in the forest of some is not in
//! the forest of more.

/// Two rows that are alike.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
#[repr(C)]
pub struct Link {
    /// The row that comes first.
    pub first: u32,
    /// The other one.
    pub second: u32,
    /// Their similarity.
    pub score: f32,
}

/// The links so far, in memory of the caller's: at least twice as many as there are rows.
pub struct Links<'a> {
    links: &'a mut [Link],
    len: usize,
    /// Of each row the one that it hangs from, or itself: a root is the first of its group. For this module alone.
    parents: &'a mut [u32],
}

impl<'a> Links<'a> {
    /// Continues with `len` links that `links` holds already; 0 to start. `parents` has room for a number a row.
    pub fn new(links: &'a mut [Link], len: usize, parents: &'a mut [u32]) -> Self {
        Self { links, len, parents }
    }

    /// How many are held.
    #[allow(clippy::len_without_is_empty)] // who asks wants the number
    pub fn len(&self) -> usize {
        self.len
    }

    /// Adds a link.
    pub(crate) fn add(&mut self, link: Link) {
        if self.len == self.links.len() {
            self.reduce();
        }
        // A forest is smaller than the memory, unless the caller gave too little: then nothing more is found.
        if let Some(free) = self.links.get_mut(self.len) {
            *free = link;
            self.len += 1;
        }
    }

    /// Keeps the forest alone, the strongest link first: fewer than there are rows.
    pub fn reduce(&mut self) {
        let links = &mut self.links[..self.len];
        sort(links, |a, b| a.score > b.score || (a.score == b.score && (a.first, a.second) < (b.first, b.second)));
        for (row, parent) in (0..).zip(self.parents.iter_mut()) {
            *parent = row;
        }
        self.len = 0;
        for i in 0..links.len() {
            let (a, b) = (root(self.parents, links[i].first), root(self.parents, links[i].second));
            if a != b {
                self.parents[a.max(b) as usize] = a.min(b);
                links[self.len] = links[i];
                self.len += 1;
            }
        }
    }

    /// The groups: to `labels` the number of each row's, or `u32::MAX` of a row that has none; and in the memory a `Link` for each,
    /// with its first row, how many it has, and the score of the weakest link that holds it together. The largest comes first,
    /// of equal ones the one whose first row does. Returns how many there are.
    pub fn groups(mut self, labels: &mut [u32]) -> usize {
        self.reduce();
        let links = &mut self.links[..self.len];
        for link in links.iter_mut() {
            link.first = root(self.parents, link.first);
        }
        sort(links, |a, b| a.first < b.first);
        let mut count = 0;
        for i in 0..links.len() {
            let Link { first, score, .. } = links[i];
            if count > 0 && links[count - 1].first == first {
                let group = &mut links[count - 1];
                group.second += 1;
                group.score = group.score.min(score);
            } else {
                links[count] = Link { first, second: 2, score };
                count += 1;
            }
        }
        let groups = &mut links[..count];
        sort(groups, |a, b| a.second > b.second || (a.second == b.second && a.first < b.first));
        labels.fill(u32::MAX);
        for (label, group) in (0..).zip(groups) {
            labels[group.first as usize] = label;
        }
        for row in 0..labels.len() {
            // A root comes before the rows that hang from it.
            labels[row] = labels[root(self.parents, row as u32) as usize];
        }
        count
    }
}

/// Where a row hangs from in the end; the way there is halved.
fn root(parents: &mut [u32], mut row: u32) -> u32 {
    loop {
        let parent = parents[row as usize];
        if parent == row {
            return row;
        }
        parents[row as usize] = parents[parent as usize];
        row = parent;
    }
}

/// Heapsort: some lines, where the library's sort has as many kilobytes as the module it would travel in.
#[inline(never)]
fn sort(links: &mut [Link], before: fn(&Link, &Link) -> bool) {
    let sink = |links: &mut [Link], mut parent: usize| loop {
        let mut last = parent;
        for child in [2 * parent + 1, 2 * parent + 2] {
            if child < links.len() && before(&links[last], &links[child]) {
                last = child;
            }
        }
        if last == parent {
            return;
        }
        links.swap(parent, last);
        parent = last;
    };
    for parent in (0..links.len() / 2).rev() {
        sink(links, parent);
    }
    for len in (1..links.len()).rev() {
        links.swap(0, len);
        sink(&mut links[..len], 0);
    }
}
