// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

/// @notice The committee's version under which reports are sealed now, as every submission reads it.
/// @dev From the top: keys 160 (the address where the report keys of the version are written), t0 40 (unix seconds),
/// seats 8, version 24. Zero before ignition.
type LiveCommittee is uint256;

using LiveCommittees for LiveCommittee global;

/// @title LiveCommittees
/// @notice Makes and reads the docket's word about the committee.
library LiveCommittees {
    // Every accessor shifts its field to the low bits before it narrows, so no narrowing loses anything.
    // forge-lint: disable-start(unsafe-typecast)

    /// @param version_ of the committee, from 1.
    /// @param seats_ of that version, at most 31, the vacant among them.
    /// @param t0_ when the charter was ignited, unix seconds.
    /// @param keys_ where the report keys of the version are written (`Seal.write`).
    function make(uint24 version_, uint8 seats_, uint40 t0_, address keys_)
        internal
        pure
        returns (LiveCommittee)
    {
        return LiveCommittee.wrap(
            uint256(uint160(keys_)) << 72 | uint256(t0_) << 32 | uint256(seats_) << 24 | uint256(version_)
        );
    }

    /// @notice 0 before ignition.
    function version(LiveCommittee committee) internal pure returns (uint24) {
        return uint24(LiveCommittee.unwrap(committee));
    }

    function seats(LiveCommittee committee) internal pure returns (uint8) {
        return uint8(LiveCommittee.unwrap(committee) >> 24);
    }

    /// @notice When the charter was ignited, unix seconds.
    function t0(LiveCommittee committee) internal pure returns (uint40) {
        return uint40(LiveCommittee.unwrap(committee) >> 32);
    }

    /// @notice Where the report keys of the version are written.
    function keys(LiveCommittee committee) internal pure returns (address) {
        return address(uint160(LiveCommittee.unwrap(committee) >> 72));
    }

    // forge-lint: disable-end(unsafe-typecast)
}
