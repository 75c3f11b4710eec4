// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {BitMaps} from "@openzeppelin/contracts/utils/structs/BitMaps.sol";

import {MemberId} from "./types/Ids.sol";

/// @title Signed acts
/// @notice The one way a member's signature is taken in place of the member's own transaction (R1.8).
/// @dev Nonces are unordered, so acts may be carried in any order and one may be voided without the others.
/// Contract accounts sign by EIP-1271.
abstract contract Signed is EIP712 {
    using BitMaps for BitMaps.BitMap;

    /// @notice A signed act is carried within this many seconds of signing at the most (R1.8).
    uint256 public constant LONGEST_DEADLINE = 7 days;

    /// @notice A nonce was used by an act, or voided by its member.
    event NonceSpent(address indexed key, uint256 nonce);

    error DeadlinePassed(uint64 deadline, uint256 timestamp);
    error DeadlineTooFar(uint64 deadline, uint256 latest);
    error NonceAlreadySpent(address key, uint256 nonce);
    error SignatureInvalid(address key);
    error NotAMember(address caller);

    mapping(address key => BitMaps.BitMap) private _spent;

    constructor() EIP712("Hearth", "1") {}

    /// @notice Voids a signed act that nobody has carried yet (R1.8).
    function cancel(uint256 nonce) external {
        _spend(msg.sender, nonce);
    }

    /// @notice True where this key's nonce was used or voided.
    function isSpent(address key, uint256 nonce) external view returns (bool) {
        return _spent[key].get(nonce);
    }

    /// @dev Takes the signature of `key` over `structHash`, once. The struct hash must contain nonce and deadline.
    function _takeSignature(
        address key,
        bytes32 structHash,
        uint256 nonce,
        uint64 deadline,
        bytes calldata signature
    ) internal {
        if (block.timestamp > deadline) revert DeadlinePassed(deadline, block.timestamp);
        if (deadline > block.timestamp + LONGEST_DEADLINE) {
            revert DeadlineTooFar(deadline, block.timestamp + LONGEST_DEADLINE);
        }
        _spend(key, nonce);
        if (!SignatureChecker.isValidSignatureNowCalldata(key, _hashTypedDataV4(structHash), signature)) {
            revert SignatureInvalid(key);
        }
    }

    function _spend(address key, uint256 nonce) private {
        if (_spent[key].get(nonce)) revert NonceAlreadySpent(key, nonce);
        _spent[key].set(nonce);
        emit NonceSpent(key, nonce);
    }
}
