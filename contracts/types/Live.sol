// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

/// @notice The committee's version under which reports are sealed now, as every submission reads it.
/// @dev From the top: keys 160 (the address where the report keys of the version are written), t0 40 (unix seconds),
/// seats 8, version 24. Zero before ignition.
type Live is uint256;

using Lives for Live global;

/// @title Lives
/// @notice Makes and reads the docket's word about the committee.
library Lives {
    // Every accessor shifts its field to the low bits before it narrows, so no narrowing loses anything.
    // forge-lint: disable-start(unsafe-typecast)

    function make(uint24 version_, uint8 seats_, uint40 t0_, address keys_) internal pure returns (Live) {
        return Live.wrap(
            uint256(uint160(keys_)) << 72 | uint256(t0_) << 32 | uint256(seats_) << 24 | uint256(version_)
        );
    }

    /// @notice 0 before ignition.
    function version(Live live) internal pure returns (uint24) {
        return uint24(Live.unwrap(live));
    }

    function seats(Live live) internal pure returns (uint8) {
        return uint8(Live.unwrap(live) >> 24);
    }

    /// @notice When the charter was ignited, unix seconds.
    function t0(Live live) internal pure returns (uint40) {
        return uint40(Live.unwrap(live) >> 32);
    }

    /// @notice Where the report keys of the version are written.
    function keys(Live live) internal pure returns (address) {
        return address(uint160(Live.unwrap(live) >> 72));
    }

    // forge-lint: disable-end(unsafe-typecast)
}
