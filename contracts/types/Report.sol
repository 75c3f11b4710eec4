// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {Epoch, StreamId, SubcontractId} from "./Ids.sol";

/// @notice What a report says of its own worth (R7.5); only OK moves anything.
enum Verdict {
    Ok,
    Stale,
    Contested
}

/// @notice The packed head of a report (R7.3), and in its free low bits the seats whose signatures seal it.
/// @dev From the top: subcontract 16, stream 16, epoch 24, attempt 16, committee version 24, observedFrom 40,
/// observedTo 40, verdict 8, confidence 16 (bps), coverage 16 (bps), zero 8, signers 32 (bit `i` is seat `i`).
/// The signers are no part of what is signed: the digest is taken with those 32 bits zero.
type Header is uint256;

using Headers for Header global;

/// @title Headers
/// @notice Reads the fields of a report's head.
library Headers {
    // Every accessor shifts its field to the low bits before it narrows, so no narrowing loses anything.
    // forge-lint: disable-start(unsafe-typecast)

    function subcontract(Header header) internal pure returns (SubcontractId) {
        return SubcontractId.wrap(uint16(Header.unwrap(header) >> 240));
    }

    function stream(Header header) internal pure returns (StreamId) {
        return StreamId.wrap(uint16(Header.unwrap(header) >> 224));
    }

    function epoch(Header header) internal pure returns (Epoch) {
        return Epoch.wrap(uint24(Header.unwrap(header) >> 200));
    }

    function attempt(Header header) internal pure returns (uint16) {
        return uint16(Header.unwrap(header) >> 184);
    }

    function committeeVersion(Header header) internal pure returns (uint24) {
        return uint24(Header.unwrap(header) >> 160);
    }

    function observedFrom(Header header) internal pure returns (uint40) {
        return uint40(Header.unwrap(header) >> 120);
    }

    function observedTo(Header header) internal pure returns (uint40) {
        return uint40(Header.unwrap(header) >> 80);
    }

    /// @dev Reverts with a panic where the byte names no verdict.
    function verdict(Header header) internal pure returns (Verdict) {
        return Verdict(uint8(Header.unwrap(header) >> 72));
    }

    /// @notice True where the verdict is OK.
    function isOk(Header header) internal pure returns (bool) {
        return uint8(Header.unwrap(header) >> 72) == uint8(Verdict.Ok);
    }

    function confidence(Header header) internal pure returns (uint16) {
        return uint16(Header.unwrap(header) >> 56);
    }

    function coverage(Header header) internal pure returns (uint16) {
        return uint16(Header.unwrap(header) >> 40);
    }

    function signers(Header header) internal pure returns (uint32) {
        return uint32(Header.unwrap(header));
    }

    /// @notice Subcontract and stream: the top 32 bits.
    function pair(Header header) internal pure returns (uint32) {
        return uint32(Header.unwrap(header) >> 224);
    }

    /// @notice Subcontract, stream and epoch: the top 56 bits, what has at most one accepted report (R7.4).
    function report(Header header) internal pure returns (uint56) {
        return uint56(Header.unwrap(header) >> 200);
    }

    /// @notice True where the byte for the verdict names one and the bits that mean nothing are zero.
    function isWellFormed(Header header) internal pure returns (bool) {
        uint256 head = Header.unwrap(header);
        return (head >> 72 & 0xff) <= uint256(type(Verdict).max) && (head >> 32 & 0xff) == 0;
    }

    /// @notice The head as it was signed: without the signers.
    function unsealed(Header header) internal pure returns (Header) {
        return Header.wrap(Header.unwrap(header) & ~uint256(type(uint32).max));
    }

    // forge-lint: disable-end(unsafe-typecast)
}

/// @title Reports
/// @notice The one definition of a report's digest (R7.3), checked from Rust against `vectors/report.json`.
library Reports {
    bytes32 internal constant TYPEHASH =
        keccak256("Report(uint256 header,bytes32 parent,bytes32 envelopes,bytes32 payload)");

    /// @notice EIP-712 digest of a report.
    /// @dev `keccak256(abi.encodePacked("\x19\x01", domain, keccak256(abi.encode(TYPEHASH, header.unsealed(), parent,
    /// envelopes, payload))))`, without the encoder's cost.
    /// @param domain separator of the docket.
    /// @param header the head; its signers are ignored.
    /// @param parent digest of the last accepted report of this subcontract and stream, its low 64 bits zero.
    /// @param envelopes root of the envelopes used.
    /// @param payload keccak256 of the payload's bytes.
    function digest(bytes32 domain, Header header, bytes32 parent, bytes32 envelopes, bytes32 payload)
        internal
        pure
        returns (bytes32 hash)
    {
        bytes32 typehash = TYPEHASH;
        Header head = header.unsealed();
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, typehash)
            mstore(add(free, 32), head)
            mstore(add(free, 64), parent)
            mstore(add(free, 96), envelopes)
            mstore(add(free, 128), payload)
            hash := keccak256(free, 160)
            mstore(free, shl(240, 0x1901))
            mstore(add(free, 2), domain)
            mstore(add(free, 34), hash)
            hash := keccak256(free, 66)
        }
    }

    /// @notice `keccak256(payload)`, without keeping the copy it takes.
    function payloadHash(bytes calldata payload) internal pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            let free := mload(0x40)
            calldatacopy(free, payload.offset, payload.length)
            hash := keccak256(free, payload.length)
        }
    }
}
