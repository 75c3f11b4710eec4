// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {EpochKind} from "./Calendar.sol";
import {Epoch} from "./Ids.sol";
import {Header} from "./Report.sol";

/// @notice What became of an accepted report, as far as time does not say it.
enum Fate {
    Pending, // its window runs, or it is final
    Settled,
    Spent // STALE or CONTESTED: nothing moves
}

/// @notice One accepted report in a stream's ring: all that accepting the next one and settling this one read.
/// @dev From the top: digest 192, acceptedAt 32 (unix seconds), epoch 24, zero 3, passed 1, fate 2, kind 2.
/// Zero where there is none: a digest is never zero.
type Entry is uint256;

using Entries for Entry global;

/// @title Entries
/// @notice Makes and reads the entries of a stream's ring.
library Entries {
    uint256 private constant KIND = 3;
    uint256 private constant FATE = 3 << 2;
    uint256 private constant EPOCH = uint256(type(uint24).max) << 8;
    uint256 private constant PASSED = 1 << 4;

    // Every accessor shifts its field to the low bits before it narrows, so no narrowing loses anything.
    // forge-lint: disable-start(unsafe-typecast)

    /// @notice What stands before a stream's first report: nothing but the kind.
    function origin(EpochKind length) internal pure returns (Entry) {
        return Entry.wrap(uint256(length));
    }

    /// @notice The entry of a report that follows `parent`: of the same kind of epoch.
    /// @dev `at` fits 32 bits until the year 2106.
    function next(Entry parent, Header header, bytes32 signed, uint256 at) internal pure returns (Entry) {
        uint256 given = uint256(header.isOk() ? Fate.Pending : Fate.Spent);
        return Entry.wrap(
            (uint256(signed) & ~uint256(type(uint64).max)) | (at << 32)
                | (uint256(Epoch.unwrap(header.epoch())) << 8) | (given << 2) | (Entry.unwrap(parent) & KIND)
        );
    }

    function isNone(Entry entry) internal pure returns (bool) {
        return Entry.unwrap(entry) == 0;
    }

    /// @notice The digest's first 24 bytes, then zeros: what the next report names as parent.
    function digest(Entry entry) internal pure returns (bytes32) {
        return bytes32(Entry.unwrap(entry) & ~uint256(type(uint64).max));
    }

    /// @notice What the ring keeps of a digest.
    function short(bytes32 signed) internal pure returns (bytes24) {
        return bytes24(signed);
    }

    function acceptedAt(Entry entry) internal pure returns (uint256) {
        return uint32(Entry.unwrap(entry) >> 32);
    }

    function epoch(Entry entry) internal pure returns (Epoch) {
        return Epoch.wrap(uint24(Entry.unwrap(entry) >> 8));
    }

    /// @notice True where this is the report of that epoch; takes any number, also what no epoch has.
    function isOf(Entry entry, uint256 number) internal pure returns (bool) {
        return uint24(Entry.unwrap(entry) >> 8) == number && Entry.unwrap(entry) != 0;
    }

    function fate(Entry entry) internal pure returns (Fate) {
        return Fate((Entry.unwrap(entry) >> 2) & 3);
    }

    function kind(Entry entry) internal pure returns (EpochKind) {
        return EpochKind(Entry.unwrap(entry) & 3);
    }

    /// @notice True where this is the report of that epoch and the next epoch may still have one: no later report was
    /// accepted over a missing epoch.
    function isHeadAt(Entry entry, uint256 number) internal pure returns (bool) {
        return Entry.unwrap(entry) & (EPOCH | PASSED) == number << 8 && Entry.unwrap(entry) != 0;
    }

    function withFate(Entry entry, Fate given) internal pure returns (Entry) {
        return Entry.wrap((Entry.unwrap(entry) & ~FATE) | (uint256(given) << 2));
    }

    function passed(Entry entry) internal pure returns (Entry) {
        return Entry.wrap(Entry.unwrap(entry) | PASSED);
    }

    // forge-lint: disable-end(unsafe-typecast)
}
