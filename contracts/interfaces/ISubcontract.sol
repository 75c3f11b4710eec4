// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {Epoch, MemberId, StreamId} from "../types/Ids.sol";

/// @title A subcontract: one article of law
/// @notice What every template gives; its constructor is `(ICharter charter, SubcontractId id, bytes terms)`.
/// @dev A subcontract holds no tokens, reads no other's findings, and moves money only by asking the ledger.
interface ISubcontract {
    /// @notice Bit `kind` set for each `Kind` of movement the template uses.
    function kinds() external view returns (uint16);

    /// @notice How many pots it asks of the ledger (at most 8).
    function pots() external view returns (uint8);

    /// @notice Fewest live signers under which it may be enacted and stay active.
    function minimumSigners() external view returns (uint16);

    /// @notice The stream whose reports settle it.
    function settlesOn(StreamId stream) external view returns (bool);

    /// @notice Called by the charter while founding, with what the founder's one signature said (R2.1).
    function founderJoined(MemberId member, uint8 band) external;

    /// @notice Called by the docket with a final report of verdict OK (R7, R1.9), within a stated gas bound.
    /// @param stream the stream reported on.
    /// @param epoch the report's epoch.
    /// @param payload the report's payload, as in its digest.
    function settle(StreamId stream, Epoch epoch, bytes calldata payload) external;
}
