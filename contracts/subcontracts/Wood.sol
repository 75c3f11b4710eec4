// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

/// @title Wood
/// @notice The arithmetic of firewood (R8): what counts, what it is worth, what it costs whom.
/// @dev UNITS: grams; amounts in units of H; multiples in bps. Everything is multiplied first and divided once, rounding
/// down (R0). No input within its stated type overflows.
library Wood {
    uint256 internal constant BPS = 10_000;
    uint256 internal constant BANDS = 8;

    /// @notice What counts of what was taken: where pieces and grams differ by more than a quarter of the larger, the
    /// smaller; else the grams (R8).
    function counted(uint256 pieces, uint256 grams, uint256 refGrams) internal pure returns (uint256) {
        uint256 byPieces = pieces * refGrams;
        (uint256 smaller, uint256 larger) = byPieces < grams ? (byPieces, grams) : (grams, byPieces);
        return (larger - smaller) * 4 > larger ? smaller : grams;
    }

    /// @notice What wood is worth at the price of the reference piece, before any multiple.
    function worth(uint256 price, uint256 grams, uint256 refGrams) internal pure returns (uint256) {
        return price * grams / refGrams;
    }

    /// @notice What wood costs a payer of the given multiple.
    function charge(uint256 price, uint256 multipleBps, uint256 grams, uint256 refGrams)
        internal
        pure
        returns (uint256)
    {
        return price * multipleBps * grams / (BPS * refGrams);
    }

    /// @notice The band of some monthly means: the highest whose lower bound is not above them.
    /// @param bounds inclusive lower bounds, rising; the first is 0.
    function bandOf(uint256 means, uint64[8] memory bounds) internal pure returns (uint8 band) {
        // There are eight bands.
        // forge-lint: disable-next-line(unsafe-typecast)
        band = uint8(BANDS - 1);
        while (band > 0 && bounds[band] > means) --band;
    }

    /// @notice The band below which no declaration counts: the higher of those of a month's inflow and of a twelfth
    /// of the purse (R8).
    function floorBand(uint256 inflow90, uint256 purse90, uint64[8] memory bounds)
        internal
        pure
        returns (uint8)
    {
        uint256 inflow = inflow90 / 3;
        uint256 purse = purse90 / 12;
        // Bands rise with means, so the higher of the means has the higher of the bands.
        return bandOf(inflow > purse ? inflow : purse, bounds);
    }

    /// @notice The most a provider receives for wood worth `worthSum` over a period: eleven tenths (R8).
    function providerMost(uint256 worthSum) internal pure returns (uint256) {
        return 11 * worthSum / 10;
    }

    /// @notice What a provider should have had over a closed period (R8): of what was collected up to eleven tenths of
    /// the worth, and the discounts that charges did not make good.
    function providerDue(uint256 worthSum, uint256 chargeSum, uint256 collectedSum)
        internal
        pure
        returns (uint256)
    {
        uint256 most = providerMost(worthSum);
        uint256 discounts = worthSum > chargeSum ? worthSum - chargeSum : 0;
        return (collectedSum < most ? collectedSum : most) + discounts;
    }

    /// @notice The part of payer number `index` of `count` in a cost shared equally, dust to the first (R0).
    function part(uint256 cost, uint256 count, uint256 index) internal pure returns (uint256) {
        return cost / count + (index < cost % count ? 1 : 0);
    }
}
