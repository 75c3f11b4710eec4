// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

/// @title Caps
/// @notice Caps by version and what of them is used, for one member and one subcontract, or for one member alone (R1.5).
/// @dev UNITS. Units of H; unix seconds in 32 bits, which hold them until 2106. A version holds for epochs that begin at
/// or after its `from`, until the next version's `from`; founding versions hold from 0, that is, since ignition.
/// GAS. Usage and bound are packed by hand for the reason given in `Purses`.
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

    /// @dev Used amounts are of the period named; in another period nothing is used yet.
    struct Usage {
        uint64 perPeriod;
        uint64 sharedPerPeriod;
        uint16 period;
        uint16 versions; // how many there ever were, the newest included
    }

    struct State {
        Version newest;
        uint256 usage; // from the low bits: perPeriod 64, sharedPerPeriod 64, period 16, versions 16
        mapping(uint256 version => Version) older;
    }

    /// @notice Adds a version, or replaces a pending one that would take effect no earlier.
    function set(State storage self, Version memory caps) internal {
        Usage memory usage = usageOf(self);
        uint16 versions = usage.versions;
        if (versions != 0 && self.newest.from < caps.from) {
            self.older[versions - 1] = self.newest;
            versions += 1;
        }
        self.newest = caps;
        usage.versions = versions == 0 ? 1 : versions;
        write(self, usage);
    }

    // A field is shifted to the low bits before it is narrowed.
    // forge-lint: disable-start(unsafe-typecast)

    function usageOf(State storage self) internal view returns (Usage memory) {
        uint256 word = self.usage;
        return Usage(uint64(word), uint64(word >> 64), uint16(word >> 128), uint16(word >> 144));
    }

    function write(State storage self, Usage memory usage) internal {
        self.usage = uint256(usage.perPeriod) | uint256(usage.sharedPerPeriod) << 64 | uint256(usage.period)
            << 128 | uint256(usage.versions) << 144;
    }

    // forge-lint: disable-end(unsafe-typecast)

    /// @notice The caps for an epoch that begins at `begin`; all zero where the mandate is not live for it.
    function at(State storage self, uint256 begin) internal view returns (Version memory caps) {
        caps = self.newest;
        if (caps.from > begin) {
            uint256 version = oneBack(usageOf(self).versions);
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

    /// @dev The newest version, the usage, and what else a debit must know of its payer.
    struct Global {
        uint64 perPeriod;
        uint64 used;
        uint32 from;
        uint16 period;
        uint16 versions;
        bool left;
    }

    /// @dev Set from the first write on, which is the first mandate's, so that no settlement pays for making the word.
    uint256 private constant READY = 1 << 255;

    struct GlobalState {
        uint256 newest; // from the low bits: perPeriod 64, used 64, from 32, period 16, versions 16, left 1, ready 1
        mapping(uint256 version => Limit) older;
    }

    function set(GlobalState storage self, uint64 perPeriod, uint32 from) internal {
        Global memory newest = newestOf(self);
        if (newest.versions != 0 && newest.from < from) {
            self.older[newest.versions - 1] = Limit(newest.perPeriod, newest.from);
            newest.versions += 1;
        }
        if (newest.versions == 0) newest.versions = 1;
        (newest.perPeriod, newest.from) = (perPeriod, from);
        write(self, newest);
    }

    // As above.
    // forge-lint: disable-start(unsafe-typecast)

    function newestOf(GlobalState storage self) internal view returns (Global memory) {
        uint256 word = self.newest;
        return Global(
            uint64(word),
            uint64(word >> 64),
            uint32(word >> 128),
            uint16(word >> 160),
            uint16(word >> 176),
            word >> 192 & 1 != 0
        );
    }

    function write(GlobalState storage self, Global memory newest) internal {
        self.newest = uint256(newest.perPeriod) | uint256(newest.used) << 64 | uint256(newest.from) << 128
            | uint256(newest.period) << 160 | uint256(newest.versions) << 176 | (newest.left ? 1 << 192 : 0)
            | READY;
    }

    // forge-lint: disable-end(unsafe-typecast)

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
        Global memory newest = newestOf(self);
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
