// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

/// @title Foreign
/// @notice Calls into code that others wrote: a stated gas bound, one word of answer at most (R1.9).
library Foreign {
    error GasShort(uint256 given, uint256 wanted);
    error NoAnswer(address place, bytes4 selector);

    /// @notice Asks `place` for one word within `bound` gas.
    /// @dev Reverts with `NoAnswer` where it fails or gives less than a word, with `GasShort` where the whole bound
    /// cannot be forwarded, so that whoever carries the transaction cannot make the answer fail by gas.
    function ask(address place, uint256 bound, bytes memory question) internal view returns (uint256 word) {
        _require(bound);

        bool answered;
        // At most one word is copied back, whatever the callee returns; a high-level call would copy all of it.
        assembly ("memory-safe") {
            answered := staticcall(bound, place, add(question, 0x20), mload(question), 0x00, 0x20)
            answered := and(answered, gt(returndatasize(), 0x1f))
            word := mload(0x00)
        }
        // A question begins with its selector.
        // forge-lint: disable-next-line(unsafe-typecast)
        if (!answered) revert NoAnswer(place, bytes4(question));
    }

    /// @notice Tells `place` something within `bound` gas; nothing of what it returns is read.
    function tell(address place, uint256 bound, bytes memory message) internal returns (bool heard) {
        _require(bound);
        // As above: nothing is copied back.
        assembly ("memory-safe") {
            heard := call(bound, place, 0, add(message, 0x20), mload(message), 0x00, 0x00)
        }
    }

    /// @dev The 63/64 rule: what a call can forward is all but a 64th of what is left, less the cost of the call itself.
    function _require(uint256 bound) private view {
        uint256 wanted = bound + bound / 63 + 5000;
        if (gasleft() < wanted) revert GasShort(gasleft(), wanted);
    }
}
