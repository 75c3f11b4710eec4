// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {Allowance} from "../types/Allowance.sol";
import {MemberId, SubcontractId} from "../types/Ids.sol";
import {MandateCaps, SubcontractState} from "./ICharter.sol";
import {Debit, Kind} from "./ILedger.sol";

/// @notice How far a member's mandates reach, units of H (R1.1, R1.6, R16.1).
struct Reach {
    uint64 heldBack; // what open epochs may still ask for: not to be withdrawn
    uint64 thisPeriod; // the most all mandates together can take in this period
    uint64 nextPeriod; // and in the next
}

/// @title The mandates
/// @notice What each member signed: who may collect from them, and at most how much (R1.5). Nothing here holds money.
/// @dev A change holds for epochs that begin on the next local day or later; versions are kept, so that an epoch is
/// judged by what was in force when it began, while caps are counted in the period of settlement.
/// UNITS. Amounts are units of H; times unix seconds, below 2^32.
interface IMandates {
    /* ERRORS */

    error NotIgnited();
    error OnlyTheLedger(address caller);
    error OnlyTheCharter(address caller);
    error OnlyTheRoster(address caller);
    error SubcontractNotOpen(SubcontractId subcontract, SubcontractState state);
    error TermsDiffer(SubcontractId subcontract, bytes32 given, bytes32 wanted);

    /// @notice Whoever opened a subcontract signs it before others do: from then on its streams are settled (R5).
    error SponsorFirst(SubcontractId subcontract, MemberId sponsor);
    error ExpiryOutside(uint40 given, uint256 after_, uint256 latest);
    error AlreadyFounded(MemberId member);
    error TooManyMandates(MemberId member, uint256 most);
    error NoMandate(MemberId member, SubcontractId subcontract);
    error MandateLive(MemberId member, SubcontractId subcontract);

    /* EVENTS */

    event MandateSigned(
        MemberId indexed member,
        SubcontractId indexed subcontract,
        bytes32 termsHash,
        MandateCaps caps,
        uint40 from
    );
    event GlobalLimited(MemberId indexed member, uint64 perPeriod, uint40 from);
    event MandateRevoked(MemberId indexed member, SubcontractId indexed subcontract, uint40 from);
    event LeaverReleased(MemberId indexed member, uint40 since);

    /// @notice A mandate that no open or later epoch can use was taken off the lists of its member and subcontract.
    event MandateForgotten(MemberId indexed member, SubcontractId indexed subcontract);

    /* MANDATES (R1.5) */

    /// @notice Signs, raises or lowers a mandate: the consent to the terms, effective for epochs that begin later. While
    /// the subcontract is open its sponsor signs first (R5).
    /// @param termsHash the terms read before signing; refused where the charter's are others.
    function signMandate(MandateCaps calldata caps, bytes32 termsHash) external;
    function signMandateBySig(
        MemberId member,
        MandateCaps calldata caps,
        bytes32 termsHash,
        uint256 nonce,
        uint64 deadline,
        bytes calldata signature
    ) external;

    /// @notice Ends a mandate for epochs that begin on the next local day or later.
    function revokeMandate(SubcontractId subcontract) external;
    function revokeMandateBySig(
        MemberId member,
        SubcontractId subcontract,
        uint256 nonce,
        uint64 deadline,
        bytes calldata signature
    ) external;

    /// @notice Takes a mandate off the lists once no open or later epoch can use it, so that the lists stay short.
    /// Anyone may call; also done for a member who needs the room.
    function forgetMandate(MemberId member, SubcontractId subcontract) external;

    /// @notice Sets the member's own bound across subcontracts. Who never set one is bounded by each mandate alone.
    function limitGlobal(uint64 perPeriod) external;
    function limitGlobalBySig(
        MemberId member,
        uint64 perPeriod,
        uint256 nonce,
        uint64 deadline,
        bytes calldata signature
    ) external;

    /// @notice Called by the charter while founding, with a founder's signed caps; effective from ignition.
    function foundMandates(MemberId member, uint64 globalPerPeriod, MandateCaps[] calldata mandates) external;

    /// @notice Called by the roster when a member leaves (R16.1): no new duty from here on.
    function memberLeft(MemberId member) external;

    /* WHAT THE LEDGER ASKS */

    /// @notice Gives what the caps allow of each debit, in order, and uses them up by it (R1.2, R1.3). Only the ledger.
    /// @param begin of the epoch, unix seconds: whose mandates are judged.
    /// @param period of settlement: whose caps are counted.
    function useCaps(
        SubcontractId subcontract,
        Kind kind,
        uint40 begin,
        uint16 period,
        Debit[] calldata debits
    ) external returns (Allowance[] memory);

    /// @notice How far the member's mandates reach now.
    function reachOf(MemberId member) external view returns (Reach memory);

    /* VIEWS */

    /// @notice The caps in force for an epoch that begins at `begin`, and what of the current period's is used.
    function mandateAt(MemberId member, SubcontractId subcontract, uint40 begin)
        external
        view
        returns (MandateCaps memory caps, uint64 usedPerPeriod, uint64 usedSharedPerPeriod);

    /// @notice True where the member ever signed a mandate for the subcontract, revoked and expired ones included.
    function hasSigned(MemberId member, SubcontractId subcontract) external view returns (bool);

    /// @notice The member's own bound in force for an epoch that begins at `begin`, and what of the current period's is
    /// used.
    function globalAt(MemberId member, uint40 begin) external view returns (uint64 perPeriod, uint64 used);

    /// @notice Members whose mandate is live for an epoch beginning at `begin`, ascending.
    function signersAt(SubcontractId subcontract, uint40 begin) external view returns (MemberId[] memory);

    /// @notice How many members hold a mandate that is live for epochs yet to begin.
    function signerCount(SubcontractId subcontract) external view returns (uint16);
}
