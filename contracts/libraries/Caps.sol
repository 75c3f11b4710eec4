// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

/// @title Caps
/// @notice Caps by version and what of them is used, for one member and one subcontract, or for one member alone (R1.5).
/// @dev UNITS. Units of H; unix seconds in 32 bits, which hold them until 2106. A version holds for epochs that begin at
/// or after its `from`, until the next version's `from`; founding versions hold from 0, that is, since ignition.
library Caps {
    /// @notice How many versions a search goes back: a report is settled within 75 days of its epoch's beginning, and a
    /// version lives a day at least. What lies further back counts as no mandate, in the member's favour.
    uint256 internal constant MOST_BACK = 64;

    /// @dev One word. A revoked version is all zero but for its `from`.
    struct Version {
        uint64 perEvent;
        uint64 perPeriod;
        uint64 sharedPerPeriod;
        uint32 from;
        uint32 expiry; // live for epochs that begin before it
    }

    /// @dev One word. Used amounts are of the period named; in another period nothing is used yet.
    struct Usage {
        uint64 perPeriod;
        uint64 sharedPerPeriod;
        uint16 period;
        uint16 versions; // how many there ever were, the newest included
    }

    struct State {
        Version newest;
        Usage usage;
        mapping(uint256 version => Version) older;
    }

    /// @notice Adds a version, or replaces a pending one that would take effect no earlier.
    function set(State storage self, Version memory caps) internal {
        uint16 versions = self.usage.versions;
        if (versions != 0 && self.newest.from < caps.from) {
            self.older[versions - 1] = self.newest;
            versions += 1;
        }
        self.newest = caps;
        self.usage.versions = versions == 0 ? 1 : versions;
    }

    /// @notice The caps for an epoch that begins at `begin`; all zero where the mandate is not live for it.
    function at(State storage self, uint256 begin) internal view returns (Version memory caps) {
        caps = self.newest;
        if (caps.from > begin) {
            uint256 version = oneBack(self.usage.versions);
            uint256 last = furthestBack(version);
            while (version > last && caps.from > begin) caps = self.older[--version];
            if (caps.from > begin) delete caps;
        }
        if (caps.expiry <= begin) delete caps;
    }

    /// @notice What is used of the period, of both caps.
    function usedIn(Usage memory usage, uint256 period) internal pure returns (uint64, uint64) {
        return usage.period == period ? (usage.perPeriod, usage.sharedPerPeriod) : (0, 0);
    }

    /* A MEMBER'S OWN BOUND ACROSS SUBCONTRACTS */

    struct Limit {
        uint64 perPeriod;
        uint32 from;
    }

    /// @dev The newest version, the usage, and what else a debit must know of its payer, in one word.
    struct Global {
        uint64 perPeriod;
        uint64 used;
        uint32 from;
        uint16 period;
        uint16 versions;
        bool left;
        bool written; // set with the first mandate, so that no settlement pays for the word's first write
    }

    struct GlobalState {
        Global newest;
        mapping(uint256 version => Limit) older;
    }

    function set(GlobalState storage self, uint64 perPeriod, uint32 from) internal {
        Global memory newest = self.newest;
        if (newest.versions != 0 && newest.from < from) {
            self.older[newest.versions - 1] = Limit(newest.perPeriod, newest.from);
            newest.versions += 1;
        }
        if (newest.versions == 0) newest.versions = 1;
        (newest.perPeriod, newest.from) = (perPeriod, from);
        self.newest = newest;
    }

    /// @notice The bound for an epoch that begins at `begin`; without any version yet, no bound but the mandates'.
    function at(GlobalState storage self, Global memory newest, uint256 begin)
        internal
        view
        returns (uint64 perPeriod)
    {
        if (newest.versions != 0 && newest.from <= begin) return newest.perPeriod;
        uint256 version = oneBack(newest.versions);
        uint256 last = furthestBack(version);
        while (version > last) {
            Limit memory limit = self.older[--version];
            if (limit.from <= begin) return limit.perPeriod;
        }
        // Before the first version there was no bound; before the 64th back there is nothing to be had.
        return last == 0 ? type(uint64).max : 0;
    }

    /// @notice The highest bound of any epoch beginning at or after `begin`.
    function highestSince(GlobalState storage self, uint256 begin) internal view returns (uint64 highest) {
        Global memory newest = self.newest;
        highest = newest.perPeriod;
        uint256 from = newest.from;
        uint256 version = oneBack(newest.versions);
        uint256 last = furthestBack(version);
        while (version > last && from > begin) {
            Limit memory limit = self.older[--version];
            from = limit.from;
            if (limit.perPeriod > highest) highest = limit.perPeriod;
        }
        if (newest.versions == 0 || (from > begin && last == 0)) return type(uint64).max;
    }

    function usedIn(Global memory self, uint256 period) internal pure returns (uint64) {
        return self.period == period ? self.used : 0;
    }

    function oneBack(uint16 versions) internal pure returns (uint256) {
        return versions == 0 ? 0 : versions - 1;
    }

    function furthestBack(uint256 version) internal pure returns (uint256) {
        return version > MOST_BACK ? version - MOST_BACK : 0;
    }
}
