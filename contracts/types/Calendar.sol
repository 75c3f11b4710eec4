// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {Epoch} from "./Ids.sol";

/// @notice How long an epoch of a subcontract is (R0).
enum EpochKind {
    Day,
    Week,
    Period
}

/// @title Calendar
/// @notice Days, weeks and periods as R0 counts them: local, without daylight saving.
/// @dev UNITS: unix seconds; `tz` is the signed offset of local time from UTC in seconds, within a day.
library Calendar {
    uint256 internal constant DAY = 86_400;
    uint256 internal constant WEEK = 7 * DAY;
    uint256 internal constant PERIOD = 2_592_000;

    /// @notice `floor((t + tz) / 86400)` (R0).
    function day(uint256 t, int32 tz) internal pure returns (uint256) {
        // Chain time is far above one day, so the sum cannot be negative.
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint256(int256(t) + tz) / DAY;
    }

    /// @notice The unix second at which the local day begins.
    function dayBegin(uint256 localDay, int32 tz) internal pure returns (uint256) {
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint256(int256(localDay * DAY) - tz);
    }

    /// @notice `floor((t - t0) / 2592000)`; what lands before ignition counts as at `t0` (R0).
    function period(uint256 t, uint256 t0) internal pure returns (uint256) {
        return t <= t0 ? 0 : (t - t0) / PERIOD;
    }

    /// @notice The epoch of the given kind in which `t` lies.
    function epochAt(EpochKind kind, uint256 t, int32 tz, uint256 t0) internal pure returns (Epoch) {
        uint256 number = kind == EpochKind.Day
            ? day(t, tz)
            : kind == EpochKind.Week ? (day(t, tz) + 3) / 7 : period(t, t0);
        // 24 bits hold 45,000 years of days.
        // forge-lint: disable-next-line(unsafe-typecast)
        return Epoch.wrap(uint24(number));
    }

    /// @notice The unix second at which the epoch begins.
    function epochBegin(EpochKind kind, Epoch epoch, int32 tz, uint256 t0) internal pure returns (uint256) {
        return _begin(kind, Epoch.unwrap(epoch), tz, t0);
    }

    /// @notice The unix second at which the epoch is over: the next one's beginning.
    function epochEnd(EpochKind kind, Epoch epoch, int32 tz, uint256 t0) internal pure returns (uint256) {
        unchecked {
            return _begin(kind, uint256(Epoch.unwrap(epoch)) + 1, tz, t0);
        }
    }

    /// @dev Unchecked: a number of 24 bits keeps every product far below 2^64. What began before 1970 wraps to far beyond
    /// all times.
    function _begin(EpochKind kind, uint256 number, int32 tz, uint256 t0) private pure returns (uint256) {
        unchecked {
            uint256 firstDay = number;
            if (kind != EpochKind.Day) {
                if (kind == EpochKind.Period) return t0 + number * PERIOD;
                firstDay = number * 7 - 3;
            }
            // forge-lint: disable-next-line(unsafe-typecast)
            return uint256(int256(firstDay * DAY) - tz);
        }
    }
}
